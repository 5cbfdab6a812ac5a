// Plots

const nice = value => {
  const size = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  const steps = size === 1 ? [2, 4, 6, 8, 10] : [1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10]; // half of them is a round number, too
  return steps.map(step => step * size).find(step => step >= value) ?? 10 * size;
};
// The path of an area between two lines, with gaps where there is no number.
const area = (xs, low, high, y) => {
  let path = '';
  for (let from = 0, to; from < xs.length; from = to + 1) {
    for (to = from; to < xs.length && !Number.isNaN(high[to]); to++);
    if (to === from) continue;
    for (let at = from; at < to; at++) path += `${at === from ? 'M' : 'L'}${xs[at].toFixed(1)} ${y(high[at])}`;
    for (let at = to - 1; at >= from; at--) path += `L${xs[at].toFixed(1)} ${y(low[at])}`;
    path += 'Z';
  }
  return path;
};
const aligned = list => Array(times.length - list.length).fill(NaN).concat(list);

const makePlot = (figure, title) => {
  const value = el('b', ''), ticks = [0, 1].map(() => el('div', 'tick', el('span')));
  const paths = Array.from({ length: SERIES + 1 }, (_, at) => drawn('path', { class: `area s${at}` }));
  const picture = drawn('svg', { role: 'img', 'aria-label': title }, ...paths);
  const slot = el('div', 'slot', picture), plot = el('div', 'plot', ...ticks, slot);
  figure.append(el('figcaption', '', title, value), plot, el('div', 'axis', el('span', '', `${WINDOW / 60} min ago`), el('span', '', 'now')));
  return { title, value, ticks, paths, picture, slot };
};

const drawPlot = (plot, key, unit) => {
  const { slot, picture, paths, ticks } = plot, width = slot.clientWidth, height = slot.clientHeight;
  const pace = width / WINDOW, ahead = calm.matches ? 0 : pause / 1000 * pace; // what slides in until the next poll
  const end = times.at(-1), xs = times.map(time => width + ahead - (end - time) * pace);
  const sums = aligned(total[key]), top = nice(Math.max(1, ...sums.filter(Number.isFinite)) * 1.05);
  const y = value => (height - value / top * height).toFixed(1);
  attribute(picture, 'viewBox', `0 0 ${width + ahead} ${height}`);
  picture.style.width = `${width + ahead}px`;
  let low = sums.map(() => 0);
  paths.forEach((path, at) => {
    const own = at < SERIES ? slots[at] && aligned(slots[at][key]) : sums;
    const high = !own ? low : at === SERIES ? sums : low.map((base, i) => Number.isNaN(sums[i]) ? NaN : base + (own[i] || 0));
    attribute(path, 'd', own && (at < SERIES || total.more) ? area(xs, low, high, y) : '');
    low = high;
  });
  ticks.forEach((tick, at) => { tick.style.top = `${at * 50}%`; put(tick.firstChild, short.format(at ? top / 2 : top) + (unit ? ` ${unit}` : '')); });
  const current = total.numbers[key === 'rates' ? 'rate' : 'open'];
  plot.value.replaceChildren();
  if (current !== undefined) quantity(plot.value, key === 'rates' ? perSecond(current) : [whole.format(current)]);
  attribute(picture, 'aria-label', `${plot.title} of the last ${WINDOW / 60} minutes: now ${plot.value.textContent || 'unknown'}, at most ${short.format(Math.max(0, ...sums.filter(Number.isFinite)))}`);
  plot.slide?.cancel();
  plot.slide = ahead ? picture.animate([{ transform: 'none' }, { transform: `translateX(${-ahead}px)` }], { duration: pause, fill: 'forwards' }) : null;
};

const drawLegend = () => {
  const line = (at, name, { rate, open }) => el('li', '', el('i', `key s${at}`), name, el('span', '',
    [rate !== undefined && perSecond(rate).join(' '), open !== undefined && `${whole.format(open)} open`].filter(Boolean).join(', ')));
  const lines = slots.map((entry, at) => entry && line(at, entry.path, entry.numbers)).filter(Boolean);
  if (total.more) lines.push(line(SERIES, 'all others', {}));
  $('legend').replaceChildren(...lines);
};

const drawSpark = (cell, list) => {
  cell.spark ??= cell.td.insertBefore(drawn('svg', { class: 'spark', viewBox: '0 0 72 20', 'aria-hidden': 'true', preserveAspectRatio: 'none' }, drawn('path', {})), cell.value);
  const values = aligned(list), most = Math.max(1, ...values.filter(Number.isFinite)), end = times.at(-1);
  const xs = times.map(time => 72 - (end - time) * 72 / WINDOW);
  attribute(cell.spark.firstChild, 'd', area(xs, values.map(() => 0), values, value => (20 - 0.5 - value / most * 19.5).toFixed(1)));
};
