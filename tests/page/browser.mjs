// Pages in Chromium, with everything that is wrong with them.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import puppeteer from 'puppeteer-core';
import { LIMIT } from './daemon.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 360, height: 740 };

export const launch = () =>
  puppeteer.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'], timeout: LIMIT });

// Opens the page in a window of its own. `features` are media features, `mend` may change the status document.
export async function open(browser, url, { viewport = DESKTOP, features = {}, script = true, mend } = {}) {
  const page = await (await browser.createBrowserContext()).newPage();
  page.setDefaultTimeout(LIMIT);
  page.wrong = [];
  page.on('pageerror', error => page.wrong.push(String(error.stack ?? error)));
  page.on('console', message => {
    // A browser itself logs each request that nobody answers.
    if (!message.text().includes('net::ERR_CONNECTION_REFUSED')) page.wrong.push(message.text());
  });
  page.on('request', request => {
    const { origin, protocol } = new URL(request.url());
    if (origin !== new URL(url).origin && protocol !== 'data:') page.wrong.push(`a request to ${request.url()}`);
  });
  await page.evaluateOnNewDocument(() => {
    addEventListener('securitypolicyviolation', event => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
  });
  if (mend) await replaceStatus(page, mend);
  await page.setViewport(viewport);
  await page.emulateMediaFeatures(Object.entries(features).map(([name, value]) => ({ name, value })));
  await page.setJavaScriptEnabled(script);
  await page.goto(url);
  if (script) await page.waitForFunction(() => document.querySelector('#rows button'));
  return page;
}

async function replaceStatus(page, mend) {
  await page.setRequestInterception(true);
  page.on('request', async request => {
    if (!request.url().endsWith('/status.json')) return request.continue();
    const status = await (await fetch(request.url())).json();
    return request.respond({ contentType: 'application/json', body: JSON.stringify(mend(status)) }).catch(() => {});
  });
}

// What a person with a disability would run into, if it is serious.
export async function barriers(page) {
  const { violations } = await page.evaluate(`(() => { ${AXE}; return axe.run(); })()`);
  return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
}

// The cells of a service's row as text.
export const row = (page, name) =>
  page.evaluate(name => {
    const found = [...document.querySelectorAll('#rows tr')].find(tr => tr.querySelector('.own')?.lastChild.textContent === name);
    return found && [...found.cells].map(cell => cell.textContent);
  }, name);

export const text = (page, selector) => page.$eval(selector, node => node.textContent);
