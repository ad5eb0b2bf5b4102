// The page of a run: one document of data, drawn. No library, no request; all text goes in as text.
'use strict';
(() => {
const data = JSON.parse(document.getElementById('data').textContent);
const $ = (id) => document.getElementById(id);
const SVG = 'http://www.w3.org/2000/svg';
const el = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
const svg = (name, attributes = {}, ...children) => fill(document.createElementNS(SVG, name), attributes, children);
function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) if (value !== null) node.setAttribute(key, value);
  node.append(...children.filter((child) => child !== null));
  return node;
}

// ---- What stands at the top ----
function button(words, title, does) {
  const node = el('button', { title }, words);
  node.addEventListener('click', () => does(node));
  return node;
}
function head() {
  const bad = data.exit !== 0;
  const line = el('div', { class: 'line' },
    el('span', { class: 'chip ' + (bad ? 'bad' : 'good') }, bad ? 'FAIL · ' + data.verdict : 'PASS'),
    el('span', { class: 'mono' }, data.title),
    ...data.without.map((rule) => el('span', { class: 'chip rule', title: 'This safety rule was switched off' }, 'without ' + rule)),
    el('span', { class: 'grow' }),
    button('light / dark', 'Change colours', theme));
  const top = $('head');
  top.append(line, el('h1', {}, data.sentence));
  if (data.oracle) {
    top.append(el('p', {}, el('b', {}, data.oracle), data.states ? ' promises: ' + data.states : '',
      data.source ? el('span', { class: 'faint' }, '  (' + data.source + ')') : ''));
  }
  for (const note of data.notes) top.append(el('p', { class: 'note' }, note));
  if (data.facts.length) top.append(el('ul', { class: 'facts' }, ...data.facts.map((fact) => el('li', {}, fact))));
  const grid = el('dl', { class: 'grid' });
  const entry = (word, ...nodes) => grid.append(el('dt', {}, word), el('dd', {}, ...nodes));
  if (data.causes.length) entry('needs', ...data.causes.map((cause) => el('div', {}, el('code', {}, cause))));
  if (data.shrunk) entry('shrunk', data.shrunk);
  for (const [word, command] of data.again) {
    const copy = button('copy', 'Copy this command', (node) => {
      const done = () => { node.textContent = 'copied'; setTimeout(() => { node.textContent = 'copy'; }, 1500); };
      if (navigator.clipboard) navigator.clipboard.writeText(command).then(done, () => select(node.previousSibling));
      else select(node.previousSibling);
    });
    entry(word, el('div', { class: 'command' }, el('code', {}, command), copy));
  }
  top.append(grid, el('div', { class: 'numbers' }, ...data.numbers.map(([word, value]) => el('span', {}, word + ' ', el('b', {}, value)))));
}
function select(node) {
  const range = document.createRange();
  range.selectNodeContents(node);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
}
const dark = () => document.documentElement.dataset.theme
  ? document.documentElement.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
function theme() {
  document.documentElement.dataset.theme = dark() ? 'light' : 'dark';
  redraw();
}
let colours = {};
function paint() {
  const style = getComputedStyle(document.documentElement);
  const names = ['paper', 'panel', 'ink', 'faint', 'rule', 'soft', 'bad', 'good', 'warn', 'band', 'leading', 'following', 'observing',
    'looking', 'down', 'barink', 'leadink', ...data.kinds];
  colours = Object.fromEntries(names.map((name) => [name, style.getPropertyValue('--' + name).trim()]));
}

// ---- The view that is shown ----
let view, span, cursor, shown = [], hidden = new Set(), words = [];
const AT = 0, KIND = 1, LANE = 2, TEXT = 3, FROM = 4, SENT = 5, FATE = 6;
const LOST = 1, TRAVELS = 2;
const isMessage = (event) => event.length > FROM;
const text = (event) => view.texts[event[TEXT]];
const kindOf = (event) => data.kinds[event[KIND]];
const laneId = (lane) => lane === 0 ? 'world' : lane > 0 ? 'n' + lane : 'c' + (-1 - lane);
const laneText = (event) => isMessage(event) ? 'n' + event[FROM] + ' → n' + event[LANE] : laneId(event[LANE]);
const fateText = (event) => event[FATE] === LOST ? '  (lost)' : event[FATE] === TRAVELS ? '  (on its way)' : '';
const time = (at) => view.unit === 'steps' ? 'step ' + at : (at / 1000).toFixed(3) + ' ms';
const lower = (list, at) => { let a = 0, b = list.length; while (a < b) { const m = (a + b) >> 1; if (list[m][AT] < at) a = m + 1; else b = m; } return a; };

function show(index) {
  view = data.views[index];
  document.querySelectorAll('#tabs button').forEach((tab, i) => tab.setAttribute('aria-selected', String(i === index)));
  const flights = view.events.filter(isMessage).map((event) => event[AT] - event[SENT]);
  view.flight = flights.reduce((a, b) => Math.max(a, b), 0);
  hidden = new Set(view.events.length > 400 ? ['timer', 'connection'] : ['timer']);
  words = [];
  $('search').value = '';
  $('first').textContent = view.at === null ? 'end' : 'violation';
  const cut = [];
  if (view.cut.events) cut.push(view.cut.events + ' earlier events are cut: the last ' + view.events.length + ' are kept');
  if (view.cut.operations) cut.push(view.cut.operations + ' earlier operations are cut');
  if (view.cut.pings) cut.push(view.cut.pings + ' heartbeats are not told');
  $('cut').hidden = !cut.length;
  $('cut').textContent = cut.join('; ') + '.';
  choose();
  sift();
  whole();
  finding();
}
function tabs() {
  if (data.views.length < 2) return;
  data.views.forEach((one, index) => $('tabs').append(fill(button(one.name, one.about, () => show(index)), { role: 'tab' }, [])));
}
function choose() {
  $('kinds').replaceChildren(...data.kinds.filter((kind) => view.events.some((event) => kindOf(event) === kind)).map((kind) => {
    const node = button('', 'Show or hide; with Shift only this kind', () => {});
    node.append(el('span', { class: 'dot', style: 'background:var(--' + kind + ')' }), kind);
    node.setAttribute('aria-pressed', String(!hidden.has(kind)));
    node.addEventListener('click', (click) => {
      if (click.shiftKey) hidden = hidden.size === data.kinds.length - 1 && !hidden.has(kind) ? new Set() : new Set(data.kinds.filter((k) => k !== kind));
      else if (!hidden.delete(kind)) hidden.add(kind);
      choose();
      sift();
      redraw();
    });
    return node;
  }));
}
// The events that the kinds and the search let through.
function sift() {
  const matches = (event) => {
    const all = (laneText(event) + ' ' + kindOf(event) + ' ' + text(event) + fateText(event)).toLowerCase();
    return words.every((word) => word[0] === '-' && word.length > 1 ? !all.includes(word.slice(1)) : all.includes(word));
  };
  shown = view.events.filter((event) => !hidden.has(kindOf(event)) && (!words.length || matches(event)));
  $('count').textContent = shown.length === view.events.length ? shown.length + '' : shown.length + ' of ' + view.events.length;
  $('rows').style.height = Math.min(shown.length, MOST_ROWS) * 22 + 'px';
}
function whole() { span = [0, Math.max(view.end, 1)]; redraw(); }
function finding() {
  cursor = view.events[view.events.length - 1] || null;
  for (const event of view.events) if (kindOf(event) === 'violation') cursor = event;
  if (view.at === null || view.unit === 'steps') {
    span = [0, Math.max(view.end, 1)];
  } else if (cursor) {
    const last = lower(view.events, cursor[AT]);
    const from = view.events[Math.max(0, last - 250)][AT], width = Math.max(cursor[AT] - from, 1000);
    span = [Math.max(0, cursor[AT] - width), cursor[AT] + width * 0.06];
  }
  redraw();
  reveal();
}

// ---- Lanes ----
const canvas = $('canvas'), LEFT = 64, ROW = 58, CLIENT = 20, TOP = 26, BAR = 18, MANY = 12000;
let hits = [];
const X = (at) => LEFT + (at - span[0]) / (span[1] - span[0]) * (canvas.clientWidth - LEFT - 8);
const Y = (server) => TOP + bandRows() * 17 + 22 + (server - 1) * ROW;
const YC = (client) => Y(view.servers.length) + 38 + client * CLIENT;
const bandRows = () => view.bandRows;
function layBands() {
  const ends = [];
  view.shades = [];
  for (const [from, until] of view.bands) {
    const last = view.shades[view.shades.length - 1];
    if (last && from <= last[1]) last[1] = Math.max(last[1], until);
    else if (until > from) view.shades.push([from, until]);
  }
  for (const band of view.bands) {
    let row = ends.findIndex((end) => end < band[0]);
    if (row < 0) row = ends.length < 4 ? ends.length : 3;
    ends[row] = Math.max(band[1], band[0]);
    band.row = row;
  }
  view.bandRows = ends.length;
}
function lanes() {
  if (view.bandRows === undefined) layBands();
  const clients = view.clients, width = canvas.clientWidth, height = Math.ceil(clients ? YC(clients - 1) + 22 : Y(view.servers.length) + 24);
  const scale = devicePixelRatio || 1;
  canvas.style.height = height + 'px';
  canvas.width = width * scale;
  canvas.height = height * scale;
  const c = canvas.getContext('2d');
  c.scale(scale, scale);
  c.font = '11px system-ui, "DejaVu Sans", sans-serif';
  c.textBaseline = 'middle';
  hits = [];
  axis(c, width, height);
  c.save();
  c.beginPath();
  c.rect(LEFT, 0, width - LEFT, height);
  c.clip();
  bands(c, height);
  bars(c);
  operations(c);
  messages(c);
  locals(c);
  needles(c, height);
  c.restore();
  names(c);
  $('span').textContent = time(Math.round(span[0])) + ' to ' + time(Math.round(span[1])) + ' of ' + time(view.end);
}
function axis(c, width, height) {
  const raw = (span[1] - span[0]) / Math.max(2, width / 130), power = Math.pow(10, Math.floor(Math.log10(raw)));
  const step = Math.max(1, [1, 2, 5, 10].map((n) => n * power).find((n) => n >= raw));
  c.textAlign = 'center';
  for (let at = Math.ceil(span[0] / step) * step; at <= span[1]; at += step) {
    const x = X(at);
    if (x < LEFT) continue;
    c.strokeStyle = colours.soft;
    c.beginPath(); c.moveTo(x, 18); c.lineTo(x, height); c.stroke();
    c.fillStyle = colours.faint;
    c.fillText(view.unit === 'steps' ? String(at) : step >= 1e6 ? at / 1e6 + ' s' : +(at / 1000).toFixed(3) + ' ms', x, 9);
  }
}
// Words, as far as there is room behind what was written before; how far they reach.
function clipped(c, words, x, y, width, before) {
  if (width < 22 || (before !== undefined && x < before)) return before;
  let said = words;
  while (said.length > 1 && c.measureText(said).width > width - 8) said = said.slice(0, -2).trimEnd() + '…';
  if (said.length <= 2 && words.length > 2) return before;
  c.fillText(said, x + 4, y);
  return x + 4 + c.measureText(said).width;
}
function bands(c, height) {
  c.textAlign = 'left';
  const written = {};
  c.fillStyle = colours.band;
  for (const [from, until] of view.shades) c.fillRect(X(from), TOP, X(until) - X(from), height - TOP);
  for (const band of view.bands) {
    const a = Math.max(X(band[0]), LEFT), b = Math.max(X(band[1]), X(band[0]) + 2), y = TOP + band.row * 17;
    if (b < LEFT || a > canvas.clientWidth) continue;
    c.fillStyle = colours.band;
    c.fillRect(a, y, Math.max(b - a, 2), 15);
    c.fillStyle = colours.fault;
    c.fillRect(a, y, Math.max(b - a, 2), 2);
    written[y] = clipped(c, view.texts[band[2]], a, y + 9, b - a, written[y]);
    hits.push({ box: [a, y, Math.max(b - a, 6), 15], words: time(band[0]) + ' to ' + time(band[1]) + '\n' + view.texts[band[2]] });
  }
}
function bars(c) {
  c.textAlign = 'left';
  for (const [server, from, until, state, epoch] of view.spans) {
    const a = Math.max(X(from), LEFT), b = X(until), y = Y(server) - BAR / 2;
    if (b < LEFT || a > canvas.clientWidth) continue;
    c.fillStyle = colours[state];
    c.fillRect(a, y, Math.max(b - a - 1, 1), BAR);
    const known = state !== 'down' && state !== 'looking';
    c.fillStyle = state === 'leading' ? colours.leadink : colours.barink;
    clipped(c, state.toUpperCase() + (known ? ' epoch ' + epoch : ''), a, Y(server) + 0.5, b - a);
    hits.push({ box: [a, y, Math.max(b - a, 3), BAR], words: 'n' + server + ' ' + state + (known ? ', epoch ' + epoch : '') + '\n' + time(from) + ' to ' + time(until), weak: true });
  }
}
const ANSWER = { done: 'good', failed: 'faint', unknown: 'warn', 'not sent': 'rule', open: 'warn' };
function operations(c) {
  c.textAlign = 'left';
  const written = {};
  for (const [client, from, until, outcome, what, answer] of view.operations) {
    const a = Math.max(X(from), LEFT), b = X(until === null ? view.end : until), y = YC(client) - 6;
    if (b < LEFT || a > canvas.clientWidth) continue;
    c.fillStyle = colours[ANSWER[outcome]];
    c.globalAlpha = 0.28;
    c.fillRect(a, y, Math.max(b - a, 2), 13);
    c.globalAlpha = 1;
    c.fillRect(a, y, 2, 13);
    c.fillStyle = colours.ink;
    written[client] = clipped(c, view.texts[what] + ' → ' + (view.texts[answer] || outcome), a, YC(client) + 0.5, b - a, written[client]);
    hits.push({ box: [a, y, Math.max(b - a, 4), 13], words: 'c' + client + ' ' + view.texts[what] + '\n' + outcome + (view.texts[answer] ? ': ' + view.texts[answer] : '') + '\n' + time(from) + ' to ' + (until === null ? 'the end' : time(until)) });
  }
}
function messages(c) {
  const visible = [];
  for (let i = lower(shown, span[0]); i < shown.length; i++) {
    const event = shown[i];
    if (event[AT] - view.flight > span[1]) break;
    if (isMessage(event) && event[SENT] <= span[1]) visible.push(event);
  }
  const many = visible.length > MANY;
  if (many) density(c, visible);
  const drawn = many ? visible.filter((event) => event[FATE] === LOST) : visible;
  c.lineWidth = 1;
  const alpha = Math.max(0.25, Math.min(0.95, 700 / Math.max(drawn.length, 1)));
  for (const event of drawn) {
    const down = event[LANE] > event[FROM], a = X(event[SENT]), b = X(event[AT]);
    const y0 = Y(event[FROM]) + (down ? BAR / 2 : -BAR / 2), y1 = Y(event[LANE]) + (down ? -BAR / 2 : BAR / 2);
    const lost = event[FATE] === LOST;
    c.strokeStyle = c.fillStyle = lost ? colours.bad : colours[kindOf(event)];
    c.globalAlpha = event === cursor ? 1 : lost ? 0.8 : alpha;
    c.lineWidth = event === cursor ? 2.5 : 1;
    c.setLineDash(event[FATE] ? [4, 3] : []);
    const ex = lost ? a + (b - a) * 0.6 : b, ey = lost ? y0 + (y1 - y0) * 0.6 : y1;
    c.beginPath(); c.moveTo(a, y0); c.lineTo(ex, ey); c.stroke();
    c.setLineDash([]);
    if (lost) { c.beginPath(); c.moveTo(ex - 3, ey - 3); c.lineTo(ex + 3, ey + 3); c.moveTo(ex + 3, ey - 3); c.lineTo(ex - 3, ey + 3); c.stroke(); }
    else if (drawn.length < 3000) { c.beginPath(); c.moveTo(ex, ey); c.lineTo(ex - 3, ey + (down ? -6 : 6)); c.lineTo(ex + 3, ey + (down ? -6 : 6)); c.fill(); }
    if (drawn.length < 3000) hits.push({ line: [a, y0, ex, ey], event });
  }
  c.globalAlpha = 1;
  c.lineWidth = 1;
  c.textAlign = 'left';
  if (drawn.length <= 30 && !many) {
    const taken = [];
    for (const event of drawn) {
      // Beside the line, close to its sender, where there is room.
      const share = Math.abs(event[LANE] - event[FROM]) === 1 ? 0.5 : 0.5 / Math.abs(event[LANE] - event[FROM]);
      const x = X(event[SENT]) + (X(event[AT]) - X(event[SENT])) * share + 6, y = Y(event[FROM]) + (Y(event[LANE]) - Y(event[FROM])) * share;
      const wide = c.measureText(text(event)).width;
      if (taken.some(([a, b, w]) => Math.abs(b - y) < 13 && x < a + w + 4 && a < x + wide + 4)) continue;
      taken.push([x, y, wide]);
      c.fillStyle = colours[kindOf(event)];
      c.fillText(text(event), x, y);
    }
  }
  if (many) { c.fillStyle = colours.faint; c.textAlign = 'right'; c.fillText(visible.length + ' messages here: closer shows each; lost ones are drawn', canvas.clientWidth - 8, Y(view.servers.length) + 22); }
}
// How many messages arrived, by pixel, where lines would only be a blot.
function density(c, visible) {
  const columns = new Map();
  for (const event of visible) { const key = event[LANE] * 65536 + Math.floor(X(event[AT])); columns.set(key, (columns.get(key) || 0) + 1); }
  const most = Math.max(...columns.values());
  c.fillStyle = colours.broadcast;
  for (const [key, count] of columns) {
    const height = 2 + 16 * count / most;
    c.globalAlpha = 0.6;
    c.fillRect(key % 65536, Y(Math.floor(key / 65536)) - BAR / 2 - height - 1, 1, height);
  }
  c.globalAlpha = 1;
}
function locals(c) {
  for (let i = lower(shown, span[0]); i < shown.length && shown[i][AT] <= span[1]; i++) {
    const event = shown[i];
    if (isMessage(event) || event[LANE] <= 0) continue;
    const kind = kindOf(event), x = X(event[AT]), y = Y(event[LANE]);
    c.fillStyle = colours[kind];
    if (kind === 'state') c.fillRect(x - 1, y - BAR / 2 - 4, 2, BAR + 8);
    else c.fillRect(x - 1, kind === 'commit' ? y + BAR / 2 : y - BAR / 2 - 3, 2, 3);
    hits.push({ box: [x - 3, y - BAR / 2 - 4, 6, BAR + 8], event, weak: kind !== 'state' });
  }
}
function needles(c, height) {
  const needle = (at, colour, words) => {
    c.strokeStyle = c.fillStyle = colour;
    c.beginPath(); c.moveTo(X(at), 18); c.lineTo(X(at), height); c.stroke();
    c.textAlign = X(at) > canvas.clientWidth - 90 ? 'right' : 'left';
    if (words) c.fillText(words, X(at) + (c.textAlign === 'left' ? 4 : -4), height - 8);
  };
  if (cursor && cursor[AT] !== view.at) needle(cursor[AT], colours.faint, '');
  if (view.at !== null) { c.lineWidth = 2; needle(view.at, colours.bad, '✕ violation'); c.lineWidth = 1; }
}
function names(c) {
  c.textAlign = 'left';
  c.fillStyle = colours.panel;
  c.fillRect(0, 18, LEFT - 4, canvas.clientHeight);
  view.servers.forEach(([id, observer]) => {
    const accused = data.servers.includes(id);
    c.fillStyle = accused ? colours.bad : colours.ink;
    c.font = '600 12px system-ui, "DejaVu Sans", sans-serif';
    c.fillText((accused ? '✕ ' : '') + 'n' + id, 4, Y(id));
    c.font = '10px system-ui, "DejaVu Sans", sans-serif';
    c.fillStyle = colours.faint;
    if (observer) c.fillText('observer', 4, Y(id) + 13);
  });
  c.fillStyle = colours.faint;
  c.font = '11px system-ui, "DejaVu Sans", sans-serif';
  for (let client = 0; client < view.clients; client++) c.fillText('c' + client, 4, YC(client));
  if (view.bandRows) c.fillText('faults', 4, TOP + 9);
}

// ---- Under the pointer ----
function under(x, y) {
  let best = null, near = 7;
  for (const hit of hits) {
    let d;
    if (hit.line) {
      const [a, b, p, q] = hit.line, l = (p - a) ** 2 + (q - b) ** 2, t = l ? Math.max(0, Math.min(1, ((x - a) * (p - a) + (y - b) * (q - b)) / l)) : 0;
      d = Math.hypot(x - a - t * (p - a), y - b - t * (q - b));
    } else {
      const [a, b, w, h] = hit.box;
      d = x >= a && x <= a + w && y >= b && y <= b + h ? (hit.weak ? 5 : 2) : 99;
    }
    if (d < near) { near = d; best = hit; }
  }
  return best;
}
const wordsOf = (event) => time(event[AT]) + '  ' + laneText(event) + '\n' + text(event) + fateText(event) + (isMessage(event) ? '\nsent at ' + time(event[SENT]) : '');
let drag = null;
canvas.addEventListener('pointerdown', (e) => { drag = { x: e.offsetX, span: [...span], moved: false }; canvas.setPointerCapture(e.pointerId); });
canvas.addEventListener('pointermove', (e) => {
  if (drag) {
    const by = (drag.x - e.offsetX) / (canvas.clientWidth - LEFT - 8) * (drag.span[1] - drag.span[0]);
    if (Math.abs(drag.x - e.offsetX) > 3) drag.moved = true;
    if (drag.moved) { span = [drag.span[0] + by, drag.span[1] + by]; redrawLanes(); }
    return;
  }
  const hit = under(e.offsetX, e.offsetY), tip = $('tip');
  tip.hidden = !hit;
  if (hit) {
    tip.replaceChildren(...(hit.words || wordsOf(hit.event)).split('\n').map((line) => el('div', {}, line)));
    tip.style.left = Math.min(e.offsetX + 12, canvas.clientWidth - tip.offsetWidth - 4) + 'px';
    tip.style.top = e.offsetY + 14 + 'px';
  }
});
canvas.addEventListener('pointerup', (e) => {
  const moved = drag && drag.moved;
  drag = null;
  if (moved) return;
  const hit = under(e.offsetX, e.offsetY);
  const at = span[0] + (e.offsetX - LEFT) / (canvas.clientWidth - LEFT - 8) * (span[1] - span[0]);
  choice(hit && hit.event ? hit.event : shown[Math.max(0, Math.min(shown.length, lower(shown, at + 1)) - 1)]);
});
canvas.addEventListener('pointerleave', () => { $('tip').hidden = true; });
canvas.addEventListener('dblclick', (e) => zoom(0.4, e.offsetX));
canvas.addEventListener('wheel', (e) => {
  if (e.ctrlKey || e.shiftKey) { e.preventDefault(); zoom(e.deltaY + e.deltaX > 0 ? 1.25 : 0.8, e.offsetX); }
}, { passive: false });
function zoom(by, x) {
  const share = x === undefined ? (cursor ? Math.max(0, Math.min(1, (cursor[AT] - span[0]) / (span[1] - span[0]))) : 0.5) : (x - LEFT) / (canvas.clientWidth - LEFT - 8);
  const width = Math.max(view.unit === 'steps' ? 4 : 20, Math.min((span[1] - span[0]) * by, view.end * 1.1 + 1)), at = span[0] + share * (span[1] - span[0]);
  span = [at - share * width, at + (1 - share) * width];
  redrawLanes();
}

// ---- The sequence up to the cursor ----
const LINES = 44, H = 24;
function sequence() {
  const end = cursor ? position(cursor) + 1 : shown.length;
  const rows = [];
  let begin = end;
  while (begin > 0 && rows.length < LINES) {
    const event = shown[--begin], after = rows[0];
    if (after && joins(event, after.event)) { after.first = event; after.count++; }
    else rows.unshift({ event, first: event, count: 1 });
  }
  const lanesSeen = new Set(view.servers.map(([id]) => id));
  rows.forEach(({ event }) => { if (event[LANE] < 0) lanesSeen.add(event[LANE]); });
  const columns = [...lanesSeen].sort((a, b) => (a < 0) - (b < 0) || (a < 0 ? b - a : a - b));
  const W = Math.max(88, Math.min(170, ($('sequence').clientWidth - 250) / Math.max(columns.length, 1)));
  const x = (lane) => 128 + columns.indexOf(lane) * W, width = Math.max($('sequence').clientWidth - 4, 128 + (columns.length - 1) * W + 150), height = 40 + rows.length * H + 10;
  const root = svg('svg', { width, height, viewBox: '0 0 ' + width + ' ' + height, role: 'img', 'aria-label': 'Sequence diagram of the events before the cursor' });
  const y = (i) => 40 + i * H + H / 2;
  const life = svg('g');
  for (const lane of columns) {
    root.append(svg('text', { x: x(lane), y: 16, 'text-anchor': 'middle', class: 'cap', style: data.servers.includes(lane) ? 'fill:var(--bad)' : null }, laneId(lane)));
    life.append(svg('line', { x1: x(lane), x2: x(lane), y1: 26, y2: height, stroke: 'var(--rule)' }));
    rows.forEach(({ event }, i) => {
      const state = lane > 0 ? stateAt(lane, event) : null;
      if (state) life.append(svg('rect', { x: x(lane) - 4, y: y(i) - H / 2, width: 8, height: H, fill: 'var(--' + state + ')' }));
    });
  }
  const body = svg('g');
  rows.forEach((row, i) => body.append(line(row, y(i), x, width)));
  root.append(svg('defs', {}, ...data.kinds.concat('bad').map((kind) => svg('marker', { id: 'm-' + kind, viewBox: '0 0 8 8', refX: 8, refY: 4, markerWidth: 8, markerHeight: 8, orient: 'auto' }, svg('path', { d: 'M0,0 L8,4 L0,8 z', fill: 'var(--' + kind + ')' })))));
  root.append(life, body);
  $('sequence').replaceChildren(root);
  $('sequence').scrollTop = 1e9;
  $('where').textContent = cursor ? (begin ? begin + ' earlier not drawn; ' : '') + 'to ' + time(cursor[AT]) : '';
}
function position(event) {
  let at = lower(shown, event[AT]);
  while (at < shown.length && shown[at] !== event && shown[at][AT] === event[AT]) at++;
  return shown[at] === event ? at : Math.max(0, at - 1);
}
function stateAt(server, event) {
  let state = null;
  for (const span of view.spans) if (span[0] === server && span[1] <= event[AT] && event[AT] <= span[2]) state = span[3];
  return state;
}
// Many applied transactions in a row are one line.
function joins(event, other) {
  return !isMessage(event) && event[LANE] === other[LANE] && event[KIND] === other[KIND] && event[AT] === other[AT]
    && text(event).startsWith('applies ') && text(other).startsWith('applies ');
}
function line({ event, first, count }, y, x, width) {
  const words = count > 1 ? text(first) + ' to ' + text(event).slice(8) + ' (' + count + ')' : text(event);
  const kind = kindOf(event), colour = 'var(--' + kind + ')', row = svg('g', { class: 'row' + (event === cursor ? ' on' : '') + (kind === 'violation' ? ' x' : '') });
  row.append(svg('rect', { class: 'hit', x: 0, y: y - H / 2, width, height: H, 'fill-opacity': 0.55 }));
  row.append(svg('text', { x: 92, y: y + 4, 'text-anchor': 'end', class: 'soft' }, time(event[AT])));
  const said = (at, anchor, words) => {
    const label = svg('text', { x: at, y: y + 4, 'text-anchor': anchor, style: 'fill:' + (kind === 'violation' || event[FATE] === LOST ? 'var(--bad)' : 'var(--ink)') + ';paint-order:stroke;stroke:var(--panel);stroke-width:4px' }, words);
    row.append(label);
  };
  if (isMessage(event)) {
    const a = x(event[FROM]), b = x(event[LANE]), way = b > a ? 1 : -1, end = event[FATE] ? a + (b - a) * 0.62 : b - way * 5;
    const tone = event[FATE] === LOST ? 'bad' : kind;
    row.append(svg('line', { x1: a + way * 5, x2: end, y1: y + 7, y2: y + 7, stroke: 'var(--' + tone + ')', 'stroke-width': 1.6, 'stroke-dasharray': event[FATE] ? '5 3' : null, 'marker-end': event[FATE] === LOST ? null : 'url(#m-' + tone + ')' }));
    if (event[FATE] === LOST) row.append(svg('path', { d: 'M' + (end - 4) + ',' + (y + 3) + 'l8,8m0,-8l-8,8', stroke: 'var(--bad)', 'stroke-width': 1.8 }));
    const label = svg('text', { x: (a + b) / 2, y: y + 2, 'text-anchor': 'middle', style: 'paint-order:stroke;stroke:var(--panel);stroke-width:4px;fill:' + (event[FATE] === LOST ? 'var(--bad)' : 'var(--ink)') }, text(event) + fateText(event));
    row.append(label);
  } else if (event[LANE] === 0) {
    said(106, 'start', (kind === 'violation' ? '✕ ' : '⚡ ') + text(event));
  } else {
    const at = x(event[LANE]);
    row.append(svg('rect', { x: at - 5, y: y - 5, width: 10, height: 10, rx: kind === 'state' ? 0 : 5, fill: colour, stroke: 'var(--panel)' }));
    if (at + 16 + words.length * 7.4 > width && at - words.length * 7.4 > 100) said(at - 11, 'end', words);
    else said(at + 11, 'start', words);
  }
  row.append(svg('title', {}, wordsOf(event)));
  row.addEventListener('click', () => choice(event));
  return row;
}

// ---- The table of events ----
// A browser gives up on boxes much higher than this.
const MOST_ROWS = 700000;
const list = $('list');
function rows() {
  const first = Math.max(0, Math.floor(list.scrollTop / 22) - 5), last = Math.min(shown.length, first + Math.ceil(list.clientHeight / 22) + 10);
  const nodes = [];
  for (let i = first; i < last; i++) {
    const event = shown[i], kind = kindOf(event);
    const row = el('div', { class: 'item' + (event === cursor ? ' on' : '') + (kind === 'violation' ? ' x' : ''), title: wordsOf(event) },
      el('span', { class: 't' }, time(event[AT])), el('span', {}, laneText(event)),
      el('span', { class: 'dot', style: 'background:var(--' + kind + ')', title: kind }), el('span', {}, text(event) + fateText(event)));
    row.style.top = i * 22 + 'px';
    row.addEventListener('click', () => choice(event));
    nodes.push(row);
  }
  $('rows').replaceChildren(...nodes);
}
list.addEventListener('scroll', rows);
function reveal() {
  if (!cursor) return;
  const top = position(cursor) * 22;
  if (top < list.scrollTop || top > list.scrollTop + list.clientHeight - 44) list.scrollTop = Math.max(0, top - list.clientHeight / 2);
  rows();
}
function choice(event) {
  if (!event) return;
  cursor = event;
  if (event[AT] < span[0] || event[AT] > span[1]) { const width = span[1] - span[0]; span = [event[AT] - width / 2, event[AT] + width / 2]; }
  redraw();
  reveal();
}
const go = (by) => { if (cursor) choice(shown[Math.max(0, Math.min(shown.length - 1, position(cursor) + by))]); };
$('search').addEventListener('input', () => { words = $('search').value.toLowerCase().split(/\s+/).filter(Boolean); sift(); redraw(); list.scrollTop = 0; rows(); });
$('first').addEventListener('click', finding);
$('all').addEventListener('click', whole);
$('in').addEventListener('click', () => zoom(0.5));
$('out').addEventListener('click', () => zoom(2));
$('prev').addEventListener('click', () => go(-1));
$('next').addEventListener('click', () => go(1));
addEventListener('keydown', (e) => {
  if (e.target === $('search') || e.ctrlKey || e.metaKey || e.altKey) return;
  const does = { ArrowLeft: () => go(-1), ArrowRight: () => go(1), ArrowUp: () => go(-1), ArrowDown: () => go(1), f: finding, 0: whole, '+': () => zoom(0.5), '-': () => zoom(2), '/': () => $('search').focus() }[e.key];
  if (does) { e.preventDefault(); does(); }
});
addEventListener('resize', () => redraw());
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => redraw());

// ---- What was reached ----
function more() {
  const table = (title, entries) => entries.length ? el('div', {}, el('p', {}, el('b', {}, title)), el('table', {}, ...entries.map(([name, count, about]) =>
    el('tr', { class: count ? null : 'zero' }, el('td', { title: about || null }, name), el('td', {}, String(count)))))) : null;
  const tables = [table('Faults that struck', data.faults), table('Marks', data.marks)].filter(Boolean);
  if (tables.length) $('more').append(el('details', {}, el('summary', {}, 'What this run reached'), el('div', { class: 'columns' }, ...tables)));
  else $('more').hidden = true;
}
let wanted = false;
function redrawLanes() {
  if (wanted) return;
  wanted = true;
  requestAnimationFrame(() => { wanted = false; lanes(); });
}
function redraw() {
  paint();
  lanes();
  sequence();
  rows();
}
head();
tabs();
more();
show(0);
document.documentElement.dataset.ready = 'yes';
})();
