// The page of a status service in a browser.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { barriers, launch, open, PHONE, row, text } from './browser.mjs';
import { Daemon, until } from './daemon.mjs';

const daemon = new Daemon();
let browser;
let pages = [];

const show = async options => {
  const page = await open(browser, daemon.url, options);
  pages.push(page);
  return page;
};
const number = cell => Number(cell.replace(/\D/g, ''));
const state = async (page, name, expected) => until(`${name} is ${expected}`, async () => (await row(page, name))?.[1].startsWith(expected));

before(async () => {
  await daemon.start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await daemon.stop();
});
afterEach(async () => {
  const opened = pages.splice(0);
  for (const page of opened) await page.close();
  assert.deepEqual(opened.flatMap(page => page.wrong), []);
});

test('the page has every service, and texts are nothing but text', async () => {
  const page = await show();
  const { services } = await daemon.status();
  assert.equal((await page.$$('#rows tr')).length, services.length);
  for (const { path, kind } of services) assert.match((await row(page, path.split('.').at(-1)))[0], new RegExp(`${kind}$`));
  assert.match((await row(page, 'poem'))[2], /<b>&quot;'\.txt/);
  assert.equal(await page.$('#rows b'), null);
  assert.equal(await page.title(), 'poetryd: ready');
});

test('numbers and plots move while clients fetch poems', async () => {
  const page = await show();
  const served = async () => number((await row(page, 'fast'))[5]);
  const before = await served();
  const stop = daemon.clients();
  await until('more are served', async () => (await served()) > before + 20);
  await until('a rate', async () => number((await row(page, 'fast'))[4]) > 0);
  await until('an area', () => page.$eval('#rate path', path => path.getAttribute('d').length > 100));
  await until('the total', async () => number(await text(page, '#rate b')) > 0);
  assert.match(await text(page, '#legend'), /yeats\.fast/);
  await stop();
  await until('the numbers of the daemon', async () => {
    const { services } = await daemon.status();
    const { counters } = services.find(({ path }) => path === 'yeats.fast');
    return counters.find(({ name }) => name === 'connections_completed').value === (await served());
  });
});

test('a service that fails, waits, restarts or is stopped shows, and is announced', async () => {
  const page = await show();
  await daemon.fail('draft');
  await state(page, 'draft', 'waiting');
  assert.match((await row(page, 'draft'))[2], /^restarts in \d.*draft\.txt: No such file/);
  daemon.write('draft');
  await state(page, 'draft', 'running');
  assert.match((await row(page, 'draft'))[1], /restart/);
  await daemon.service('stop', 'yeats.fast');
  await state(page, 'fast', 'stopped');
  assert.equal(await text(page, '#live'), 'yeats.fast is stopped');
  await daemon.service('start', 'yeats.fast');
  await state(page, 'fast', 'running');
  await until('the warning', async () => /draft\.txt/.test(await text(page, '#warnings')));
});

test('a service that has failed makes the page say that the daemon is not ready', async () => {
  const page = await show();
  await daemon.fail('guest');
  await state(page, 'guest', 'failed');
  assert.match((await row(page, 'guest'))[2], /guest\.txt: No such file/);
  assert.equal(await page.title(), 'poetryd: not ready');
  assert.deepEqual(await barriers(page), []);
  await page.click('#states .failed');
  assert.equal((await page.$$('#rows tr')).length, 1);
  await page.click('#states .failed');
  await daemon.restart('guest');
  await until('ready', async () => (await page.title()) === 'poetryd: ready');
});

test('it fits a phone', async () => {
  for (const script of [true, false]) {
    const page = await show({ viewport: PHONE, script });
    const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(content <= window, `${content} pixels in ${window}`);
  }
});

test('the keyboard reaches everything in its order, and it shows where it is', async () => {
  const page = await show();
  const all = await page.evaluate(() => [...document.querySelectorAll('a, button, input')].filter(node => node.checkVisibility()).map((node, at) => (node.dataset.at = String(at))));
  assert.ok(all.length > 15);
  for (const at of all) {
    await page.keyboard.press('Tab');
    const [focused, outline] = await page.evaluate(() => [document.activeElement.dataset.at, getComputedStyle(document.activeElement).outlineStyle]);
    assert.deepEqual([focused, outline], [at, 'solid']);
  }
});

test('groups fold, services unfold, columns sort, and the filter finds', async () => {
  const page = await show();
  const names = () => page.$$eval('#rows .own', nodes => nodes.map(node => node.textContent));
  await page.focus('#rows .group button');
  await page.keyboard.press('Enter');
  assert.ok(!(await names()).includes('yeats.fast') && (await row(page, 'fast')) === undefined);
  assert.match((await row(page, 'yeats'))[2], /^2 services/);
  await page.keyboard.press('Enter');
  await page.evaluate(() => [...document.querySelectorAll('#rows button')].find(button => button.textContent.endsWith('fast')).click());
  assert.match(await text(page, '.more'), /connections_failed.*reset/);
  await page.type('#filter', 'fast tcp');
  assert.deepEqual(await names(), ['yeats.fast']);
  await page.$eval('#filter', node => { node.value = ''; node.dispatchEvent(new Event('input')); });
  await page.click('th[data-key=served] button');
  assert.equal((await names())[0].includes('poem'), false);
  assert.equal(await page.$eval('th[data-key=served]', th => th.ariaSort), 'descending');
});

test('it is dark where that is preferred, and nothing serious is in anybody\'s way', async () => {
  const stop = daemon.clients();
  const papers = new Set();
  for (const scheme of ['light', 'dark']) {
    for (const viewport of [undefined, PHONE]) {
      const page = await show({ viewport, features: { 'prefers-color-scheme': scheme } });
      await until('a rate', async () => number((await row(page, 'fast'))[4]) > 0);
      assert.deepEqual(await barriers(page), []);
      papers.add(await page.$eval('body', body => getComputedStyle(body).backgroundColor));
    }
  }
  assert.equal(papers.size, 2);
  await stop();
});

test('nothing slides where less motion is preferred', async () => {
  for (const [preference, moves] of [['no-preference', true], ['reduce', false]]) {
    const page = await show({ features: { 'prefers-reduced-motion': preference } });
    const plot = () => page.$eval('#open svg', svg => svg.innerHTML);
    const first = await plot();
    await until('another poll', async () => (await plot()) !== first);
    assert.equal(await page.evaluate(() => document.getAnimations().length > 0), moves);
  }
});

test('without JavaScript there is a table with the same numbers, and nothing that is empty', async () => {
  const page = await show({ script: false });
  const { services } = await daemon.status();
  const rows = await page.$$eval('#rows tr', rows => rows.map(tr => [...tr.cells].map(cell => cell.textContent)));
  assert.equal(rows.length, services.length);
  for (const [at, { path, state, counters }] of services.entries()) {
    assert.ok(rows[at][0].startsWith(path.split('.').at(-1)) && rows[at][1].startsWith(state));
    const open = counters.filter(({ name }) => name === 'connections_open');
    assert.equal(rows[at][3], open.length ? String(open.reduce((sum, { value }) => sum + value, 0)) : '');
  }
  const shown = await page.$$eval('#plots, #tools, .js, button', nodes => nodes.filter(node => node.checkVisibility()).length);
  assert.equal(shown, 0);
  assert.match(await text(page, 'main'), /Load the page again/);
});

test('elsewhere there are no log lines', async () => {
  const page = await show({ mend: ({ warnings, ...status }) => status });
  assert.ok(await page.$eval('#away', node => node.checkVisibility()));
  assert.ok(!(await page.$eval('#quiet', node => node.checkVisibility())));
  assert.equal((await page.$$('#warnings li')).length, 0);
});

test('ten thousand services can be used', async () => {
  const many = status => {
    const fast = status.services.find(({ path }) => path === 'yeats.fast');
    const services = Array.from({ length: 10_000 }, (_, at) => ({ ...fast, path: `fast-${at}`, state: at === 9_000 ? 'failed' : 'running' }));
    return { ...status, services };
  };
  const page = await show({ mend: many });
  await until('the first ones', async () => (await page.$$('#rows tr')).length === 200);
  assert.match(await text(page, '#rest'), /200 of 10,000/);
  await page.click('#states .failed');
  assert.match((await row(page, 'fast-9000'))[1], /failed/);
  await page.type('#filter', ' 9000');
  assert.equal((await page.$$('#rows tr')).length, 1);
});

test('without an answer the page keeps the last numbers, and goes on with the next daemon', async () => {
  const page = await show();
  for (let client = 0; client < 5; client++) await daemon.fetchPoem();
  await until('some are served', async () => number((await row(page, 'fast'))[5]) >= 5);
  const before = await row(page, 'fast');
  await daemon.stop();
  await until('no answer', async () => /^no answer since \d.*\(\d+ s\)$/.test(await text(page, '#word')));
  assert.equal(await page.title(), 'poetryd: no answer');
  assert.deepEqual((await row(page, 'fast'))[5], before[5]);
  assert.deepEqual(await barriers(page), []);
  await daemon.start();
  await until('ready', async () => (await text(page, '#word')) === 'ready');
  assert.equal((await row(page, 'fast'))[5], '0');
  assert.doesNotMatch(await page.$eval('body', body => body.innerText), /NaN|undefined|Infinity|\s-\d/);
});
