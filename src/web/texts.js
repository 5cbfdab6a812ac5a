// Elements, and numbers and times as text.
'use strict';
const el = (tag, name, ...children) => {
  const node = document.createElement(tag);
  if (name) node.className = name;
  node.append(...children);
  return node;
};
const drawn = (tag, attributes, ...children) => {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
};
const put = (node, text) => { if (node.textContent !== text) node.textContent = text; };
const attribute = (node, name, value) => { if (node.getAttribute(name) !== value) node.setAttribute(name, value); };
// Makes the children of a node those in the list, and moves as few as possible.
const arrange = (node, children) => {
  const focus = document.activeElement;
  children.forEach((child, at) => { if (node.children[at] !== child) node.insertBefore(child, node.children[at] ?? null); });
  while (node.children.length > children.length) node.lastElementChild.remove();
  if (focus !== document.activeElement && focus.isConnected) focus.focus({ preventScroll: true });
};

// Numbers and times

const whole = new Intl.NumberFormat('en'), short = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });
const bytes = value => {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  const at = value < 1000 ? 0 : Math.min(Math.floor(Math.log10(value) / 3), units.length - 1);
  const scaled = value / 1000 ** at;
  return [scaled.toFixed(!at || scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2), units[at]];
};
const perSecond = value => [value >= 100 ? whole.format(Math.round(value)) : value.toFixed(1), '/s'];
const shape = { open: v => [whole.format(v)], rate: perSecond, served: v => [whole.format(v)], failed: v => [whole.format(v)], sent: bytes };
// The two largest units: `3 d 4 h`.
const span = seconds => {
  const units = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
  const left = Math.max(0, Math.floor(seconds)), at = units.findIndex(([size]) => left >= size || size === 1);
  const [size, name] = units[at], [smaller, unit] = units[at + 1] ?? [0];
  const second = smaller ? Math.floor(left % size / smaller) : 0;
  return `${Math.floor(left / size)} ${name}` + (second ? ` ${second} ${unit}` : '');
};
const coarse = seconds => span(seconds).split(' ', 2).join(' ');
const ago = iso => (Date.now() + clock - Date.parse(iso)) / 1000;
const exact = iso => new Date(iso).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'long' });
const moment = (node, iso, text) => {
  if (node.dateTime !== iso) { node.dateTime = iso; node.title = exact(iso); }
  put(node, text);
  return node;
};
const quantity = (node, [value, unit]) => {
  put(node.firstChild ?? node.appendChild(document.createTextNode('')), value);
  if (unit) put(node.children[0] ?? node.appendChild(el('small')), unit);
};
