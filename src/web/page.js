// Keeps the page of a status service up to date. All that the daemon says is put in as text, never as HTML.
const WINDOW = 180; // seconds in a plot
const SHORTEST = 1000, LONGEST = 60000, RETRY = 2000; // milliseconds between two polls
const SHARE = 20; // a poll takes at most the 20th part of the time
const ROWS = 200; // services that are shown before somebody asks for more
const SERIES = 5; // services with an area of their own in a plot
const SPARKS = 30; // services with small plots, if there are more than ROWS
// Which number a counter is part of.
const NUMBER = {
  connections_open: 'open', connections_opened: 'arrived', datagrams_received: 'arrived',
  connections_completed: 'served', datagrams_answered: 'served', connections_failed: 'failed',
  datagrams_unanswered: 'failed', sent_bytes: 'sent',
};
const COLUMNS = ['open', 'rate', 'served', 'failed', 'sent'];
const SETTLED = new Set(['running', 'finished', 'stopped']);

const $ = id => document.getElementById(id);
const calm = matchMedia('(prefers-reduced-motion: reduce)');
const entries = new Map(); // what is known about each path
let times = []; // when the points of the plots were taken, in seconds
let total = { rates: [], opens: [] };
let slots = Array(SERIES).fill(null); // the entries with an area of their own
let services = [], draining = [], last = null, lastAt = 0, clock = 0, pause = SHORTEST, timer = 0;
let sort = 'tree', shown = ROWS, polling = false;

// What the daemon says

const sum = counters => {
  const numbers = {};
  for (const { name, value } of counters) {
    const key = NUMBER[name];
    if (key) numbers[key] = (numbers[key] ?? 0) + value;
  }
  return numbers;
};

// Takes in a status document: numbers, rates since the one before, sums of groups, and a point for each plot.
const take = (status, at) => {
  const elapsed = (at - lastAt) / 1000, same = last?.pid === status.pid && last.started === status.started;
  const news = [];
  if (last && elapsed > 5 * pause / 1000) point((at - 1) / 1000, true);
  const present = new Set();
  for (const service of status.services) {
    const { path } = service, before = entries.get(path), up = path.lastIndexOf('.');
    const entry = before ?? { path, name: path.slice(up + 1), prefix: path.slice(0, up + 1), depth: path.split('.').length - 1, rates: [], opens: [], activity: 0 };
    const numbers = service.is_group ? {} : sum(service.counters);
    const grown = before && same ? numbers.arrived - entry.numbers.arrived : NaN;
    const rate = grown >= 0 && elapsed > 0 ? grown / elapsed : undefined;
    if (numbers.arrived !== undefined) numbers.rate = rate;
    if (before && (before.service.state !== service.state || (same && before.service.since !== service.since))) news.push(`${path} is ${service.state}`);
    Object.assign(entry, { service, numbers, parent: entries.get(path.slice(0, Math.max(up, 0))), folded: entry.folded ?? (status.services.length > ROWS) });
    entry.activity = entry.activity * 0.9 + ((rate ?? 0) + (numbers.open ?? 0) / 10) * 0.1;
    entries.set(path, entry);
    present.add(path);
  }
  for (const path of entries.keys()) if (!present.has(path)) entries.delete(path);
  services = status.services.map(({ path }) => entries.get(path));
  draining = status.draining;
  const all = {};
  for (const entry of services) {
    if (entry.service.is_group) continue;
    for (const key in entry.numbers) {
      for (let up = entry; up; up = up.parent) if (up.service.is_group) up.numbers[key] = add(up.numbers[key], entry.numbers[key]);
      all[key] = add(all[key], entry.numbers[key]);
    }
  }
  total.numbers = all;
  [last, lastAt] = [status, at];
  choose();
  point(at / 1000, false);
  tell(news);
};
const add = (sum, value) => value === undefined ? sum : (sum ?? 0) + value;

// Which services have an area of their own: those with the most clients. One that stays keeps its place.
const choose = () => {
  const active = services.filter(entry => !entry.service.is_group && entry.numbers.arrived !== undefined);
  const most = new Set(active.sort((a, b) => b.activity - a.activity).slice(0, SERIES));
  slots = slots.map(entry => most.delete(entry) ? entry : null);
  const fresh = services.filter(entry => most.has(entry));
  slots = slots.map(entry => entry ?? fresh.shift() ?? null);
  total.more = active.length > SERIES;
  const busiest = services.length > ROWS ? new Set(active.slice(0, SPARKS)) : null;
  for (const entry of services) {
    entry.tracked = !busiest || busiest.has(entry) || slots.includes(entry);
    if (!entry.tracked) [entry.rates, entry.opens] = [[], []];
  }
};

// Adds a point to each plot, or a gap.
const point = (at, gap) => {
  times.push(at);
  const old = times.findIndex(time => time >= at - WINDOW - 5);
  times = times.slice(old);
  for (const entry of [total, ...services]) {
    if (entry !== total && !entry.tracked) continue;
    const { rate, open } = entry.numbers ?? {};
    for (const [list, value] of [[entry.rates, rate], [entry.opens, open]]) {
      list.push(gap ? NaN : value ?? NaN);
      if (list.length > times.length) list.splice(0, list.length - times.length);
    }
  }
};

// Says what has changed to those who listen to the page.
const tell = news => {
  const said = news.slice(0, 5);
  if (news.length > 5) said.push(`${whole.format(news.length - 5)} others have changed`);
  if (said.length) put($('live'), said.join(', '));
};

// The table

const cellOf = (name, ...children) => { const td = el('td', name, ...children); td.setAttribute('role', 'cell'); return td; };
const rowOf = (name, ...cells) => { const tr = el('tr', name, ...cells); tr.setAttribute('role', 'row'); return tr; };
const makeRow = entry => {
  const up = el('span', 'up', entry.prefix), kind = el('span', 'kind');
  const button = el('button', 'own', up, entry.name), name = cellOf('', el('div', 'name-cell', button, kind));
  const word = el('span'), since = el('time'), text = cellOf('');
  const tr = rowOf('', name, cellOf('', word, since), text), cells = {};
  for (const key of COLUMNS) {
    const value = el('span'), td = cellOf('n', value);
    td.dataset.label = $('table').querySelector(`[data-key=${key}]`).textContent;
    tr.append(td);
    cells[key] = { td, value };
  }
  button.type = 'button';
  button.addEventListener('click', () => {
    if (entry.service.is_group) entry.folded = !entry.folded;
    else entry.expanded = !entry.expanded;
    drawTable();
  });
  return { tr, up, kind, button, name: name.firstChild, word, since, text, cells };
};
const isFlat = () => sort !== 'tree' || $('filter').value.trim() !== '';

const details = ({ service: { state, status, failure, is_group, next_start: next }, folded, inside, trouble }) => {
  if (state === 'failed') return failure ?? '';
  if (state === 'waiting') return [`restarts in ${span(next ? -ago(next) : 0)}`, failure].filter(Boolean).join(': ');
  if (is_group && folded) return [`${whole.format(inside)} services`, ...Object.entries(trouble).map(([state, n]) => `${n} ${state}`)].join(', ');
  return status ?? '';
};

const drawRow = entry => {
  const row = entry.row ??= makeRow(entry), { service, numbers } = entry, flat = isFlat();
  row.tr.classList.toggle('changed', ago(service.since) < 5);
  const open = service.is_group ? !entry.folded && !flat : !!entry.expanded;
  row.up.hidden = !flat;
  attribute(row.name, 'class', `name-cell d${flat ? 0 : Math.min(entry.depth, 4)}`);
  row.tr.classList.toggle('group', service.is_group);
  attribute(row.button, 'aria-expanded', String(open));
  row.button.disabled = flat && service.is_group;
  put(row.kind, service.kind);
  attribute(row.word, 'class', `mark ${service.state}`);
  put(row.word, service.state);
  const times = service.restarts === 1 ? ', 1 restart' : service.restarts ? `, ${whole.format(service.restarts)} restarts` : '';
  moment(row.since, service.since, coarse(ago(service.since)) + times);
  put(row.text, details(entry));
  row.text.classList.toggle('failure', service.state === 'failed');
  for (const key of COLUMNS) {
    const cell = row.cells[key], value = service.is_group && open ? undefined : numbers[key];
    if (value !== undefined) quantity(cell.value, shape[key](value));
    else cell.value.replaceChildren();
    const list = { open: entry.opens, rate: entry.rates }[key];
    const plot = list && value !== undefined && entry.tracked;
    if (plot) drawSpark(cell, list);
    else if (cell.spark) cell.spark = cell.spark.remove();
    cell.td.classList.toggle('none', value === undefined);
  }
  return open && !service.is_group ? [row.tr, drawMore(entry)] : [row.tr];
};

// Everything else about a service, below its row.
const drawMore = entry => {
  const { service } = entry, lines = [[`${service.state} since`, exact(service.since)], ['restarts', whole.format(service.restarts)]];
  if (service.failure) lines.push(['last failure', service.failure]);
  for (const { name, labels, value } of service.counters) lines.push([[name, ...Object.values(labels)].join(' '), whole.format(value)]);
  if (!entry.more) {
    const td = cellOf('', el('dl'));
    td.colSpan = 3 + COLUMNS.length;
    entry.more = rowOf('more', td);
  }
  const list = entry.more.querySelector('dl');
  if (isNew(list, lines)) list.replaceChildren(...lines.map(fact));
  return entry.more;
};
const fact = ([name, ...value]) => el('div', '', el('dt', '', name), el('dd', '', ...value));

const drainingRow = ({ path, kind, state, since, status }) => rowOf('',
  cellOf('', el('span', 'own', path), el('span', 'kind', kind)),
  cellOf('', el('span', 'mark draining', 'draining'), moment(el('time'), since, coarse(ago(since)))),
  cellOf('', [`${state}, from before a reload`, status].filter(Boolean).join(': ')), ...COLUMNS.map(() => cellOf('n none')));

const URGENCY = ['failed', 'waiting', 'starting', 'stopping', 'running', 'finished', 'stopped'];
const order = {
  state: (a, b) => URGENCY.indexOf(a.service.state) - URGENCY.indexOf(b.service.state),
  rate: (a, b) => b.activity - a.activity,
};
// The services to be shown, in their order.
const wanted = () => {
  const words = $('filter').value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  if (!isFlat()) {
    for (const entry of services) entry.visible = !entry.parent || (entry.parent.visible && !entry.parent.folded);
    return services.filter(entry => entry.visible);
  }
  const found = services.filter(isCounted).filter(({ service }) => {
    const text = `${service.path} ${service.kind} ${service.state} ${service.status ?? ''}`.toLowerCase();
    return words.every(word => text.includes(word));
  });
  const by = order[sort] ?? ((a, b) => (b.numbers[sort] ?? -1) - (a.numbers[sort] ?? -1));
  return sort === 'tree' ? found : found.sort(by);
};
const isCounted = ({ service }) => !service.is_group || service.state !== 'running';

const drawTable = () => {
  const list = wanted(), some = list.slice(0, shown);
  const rows = some.flatMap(drawRow);
  if (!isFlat()) rows.push(...draining.slice(0, ROWS).map(drainingRow));
  arrange($('rows'), rows);
  const left = list.length - some.length;
  put($('rest'), left > 0 ? `${whole.format(some.length)} of ${whole.format(list.length)} services are shown.` : list.length ? '' : 'No service matches.');
  $('more').hidden = left <= 0;
  for (const th of document.querySelectorAll('th[data-key]')) {
    if (th.dataset.key === sort && sort !== 'tree') th.setAttribute('aria-sort', 'descending');
    else th.removeAttribute('aria-sort');
  }
};

// How many services are in each state. Each number is a filter.
const drawStates = () => {
  const counts = new Map();
  for (const entry of services) {
    if (isCounted(entry)) counts.set(entry.service.state, (counts.get(entry.service.state) ?? 0) + 1);
    if (!entry.service.is_group) continue;
    [entry.inside, entry.trouble] = [0, {}];
  }
  for (const { service, parent } of services) {
    if (service.is_group) continue;
    for (let up = parent; up; up = up.parent) {
      up.inside += 1;
      if (!SETTLED.has(service.state)) up.trouble[service.state] = (up.trouble[service.state] ?? 0) + 1;
    }
  }
  const states = [...counts.keys()].sort((a, b) => URGENCY.indexOf(a) - URGENCY.indexOf(b));
  arrange($('states'), states.map(state => {
    const button = chips[state] ??= el('button', `mark ${state}`);
    button.onclick = () => filter($('filter').value === state ? '' : state);
    put(button, `${whole.format(counts.get(state))} ${state}`);
    attribute(button, 'aria-pressed', String($('filter').value === state));
    return button;
  }));
};
const chips = {}; // the buttons by state
const filter = text => { [$('filter').value, shown] = [text, ROWS]; drawStates(); drawTable(); };

// The head and the log

const told = new WeakMap();
// Whether something is shown for the first time; otherwise what a person may have selected stays.
const isNew = (node, about) => {
  const text = JSON.stringify([about]);
  return told.get(node) !== text && told.set(node, text);
};
const since = (iso, suffix) => { const node = moment(el('time'), iso, ''); node.dataset.suffix = suffix; return node; };
const verdict = ({ ended, changes, refused }) => {
  if (refused) return [el('span', 'mark failed', 'refused'), ' ', since(ended, ' ago'), el('pre', '', refused.error)];
  const counts = ['updated', 'replaced', 'added', 'removed', 'restarted'].map(key => [changes[key].length, key]);
  const text = [[changes.kept, 'kept'], ...counts].filter(([count]) => count).map(([count, word]) => `${whole.format(count)} ${word}`);
  const later = changes.at_restart.length ? [el('div', '', `at a restart: ${changes.at_restart.join(', ')}`)] : [];
  return [since(ended, ' ago'), `: ${text.join(', ') || 'nothing has changed'}`, ...later];
};

const drawHead = status => {
  const { program, version, pid, origin, phase, ready, started, workers, last_reload: reload, log_lines_lost: lost } = status;
  const word = phase === 'running' ? (ready ? 'ready' : 'not ready') : phase;
  say(word, { running: ready ? 'ready' : 'failed' }[phase] ?? phase);
  put(document.querySelector('h1'), program);
  put($('version'), version ?? '');
  put($('origin'), origin);
  if (isNew($('facts'), [started, pid, workers, reload])) {
    const facts = [['Up', since(started, '')], ['Process', `pid ${pid}`], ['Workers', workers], ['Last reload', ...(reload ? verdict(reload) : ['none yet'])]];
    $('facts').replaceChildren(...facts.map(fact));
  }
  put($('lost'), lost ? `${whole.format(lost)} lines of the log have been lost, since it could not be written fast enough.` : '');
};
const drawLog = ({ warnings }) => {
  if (isNew($('warnings'), warnings)) {
    $('warnings').replaceChildren(...(warnings ?? []).toReversed().map(({ time, level, service, message }) => el('li', '', since(time, ' ago'),
      el('span', `mark ${level}`, level === 'warn' ? 'warning' : level), el('span', '', el('b', '', service === '-' ? '' : service), message))));
  }
  $('quiet').hidden = !warnings || warnings.length > 0;
  $('away').hidden = !!warnings;
};
// The state in a word: on the page, in the title, and in the icon.
const say = (word, mark) => {
  put($('word'), word);
  attribute($('word'), 'class', `mark ${mark}`);
  document.title = `${last?.program ?? document.title.split(':')[0]}: ${word}`;
  const [colour, form] = { ready: ['1c8a72', '<circle cx="8" cy="8" r="6"/>'], failed: ['c8402c', '<path d="M8 1l7 7-7 7-7-7z"/>'] }[mark] ?? ['b07a12', '<path d="M8 2a6 6 0 0 0 0 12z"/><circle cx="8" cy="8" r="5.5" fill="none" stroke="#b07a12"/>'];
  attribute($('icon'), 'href', `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="#${colour}">${form}</svg>`)}`);
};
const drawTimes = () => {
  for (const node of document.querySelectorAll('time[data-suffix]')) put(node, node.dataset.suffix ? `${coarse(ago(node.dateTime))} ago` : span(ago(node.dateTime)));
};

// Polling

const plots = { rates: makePlot($('rate'), 'Connections per second'), opens: makePlot($('open'), 'Open connections') };
const drawPlots = () => {
  if (!last) return;
  drawPlot(plots.rates, 'rates', '/s');
  drawPlot(plots.opens, 'opens', '');
};
const draw = () => {
  for (const node of document.querySelectorAll('.js, #tools')) node.hidden = false;
  $('plots').hidden = total.numbers.arrived === undefined;
  drawHead(last);
  drawPlots();
  drawLegend();
  drawStates();
  drawTable();
  drawLog(last);
  drawTimes();
};
const failed = () => {
  const since = new Date(performance.timeOrigin + lastAt);
  if (!document.body.classList.contains('stale')) put($('live'), 'The daemon does not answer.');
  document.body.classList.add('stale');
  pause = RETRY;
  say(`no answer since ${since.toLocaleTimeString()} (${span((Date.now() - since) / 1000)})`, 'gone');
  document.title = document.title.replace(/ since.*/, '');
  if (!last) return;
  point(performance.now() / 1000, true);
  drawPlots();
};
const answered = (status, start) => {
  if (document.body.classList.contains('stale')) put($('live'), 'The daemon answers again.');
  document.body.classList.remove('stale');
  take(status, performance.now());
  draw();
  pause = Math.min(Math.max(SHORTEST, SHARE * (performance.now() - start)), LONGEST);
};
const poll = async () => {
  if (polling || document.hidden) return;
  polling = true;
  const start = performance.now();
  try {
    const status = await ask().catch(() => null);
    if (status) answered(status, start);
    else failed();
  } finally {
    polling = false;
    clearTimeout(timer);
    timer = setTimeout(poll, pause);
  }
};
const ask = async () => {
  const answer = await fetch('status.json', { cache: 'no-store', signal: AbortSignal.timeout(10000) });
  const date = Date.parse(answer.headers.get('date'));
  clock = Math.abs(date - Date.now()) > 2000 ? date - Date.now() : 0;
  return answer.ok ? answer.json() : null;
};

for (const th of document.querySelectorAll('th[data-key]')) {
  const button = el('button', '', th.textContent);
  button.addEventListener('click', () => { sort = sort === th.dataset.key ? 'tree' : th.dataset.key; drawTable(); });
  th.replaceChildren(button);
}
$('more').addEventListener('click', () => { shown += ROWS; drawTable(); });
$('filter').addEventListener('input', () => filter($('filter').value));
document.addEventListener('visibilitychange', poll);
addEventListener('resize', drawPlots);
poll();
