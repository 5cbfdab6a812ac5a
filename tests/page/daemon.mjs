// A daemon with a status service and something to look at, and its clients.
import { spawn, execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { promisify } from 'node:util';

export const LIMIT = 60_000; // milliseconds that anything may take
const POETRYD = process.env.POETRYD;

// Waits until `condition` gives something.
export async function until(what, condition) {
  const end = Date.now() + LIMIT;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}

const application = port => `
[services.yeats]
kind = "group"
[services.yeats.services.poem]
kind = "poem"
file = "poems/<b>&quot;'.txt"
[services.yeats.services.fast]
kind = "tcp"
port = 0
protocol = "fast"
poem = "poem"
[services.draft]
kind = "poem"
file = "poems/draft.txt"
restart = "on-failure"
restart-max-delay = 0.5
[services.guest]
kind = "poem"
file = "poems/guest.txt"
[services.quote]
kind = "quote"
port = 0
poem = "guest"
[services.a-service-whose-name-is-so-long-that-it-has-to-be-broken-on-a-phone]
kind = "tcp"
port = 0
protocol = "transform"
[services.status]
kind = "status"
port = ${port}
`;

export class Daemon {
  #port = 0;
  #log = '';

  write(name) {
    mkdirSync('poems', { recursive: true });
    writeFileSync(`poems/${name}.txt`, `${name}\n`.repeat(20));
  }

  async start() {
    ["<b>&quot;'", 'draft', 'guest'].forEach(name => this.write(name));
    writeFileSync('page.toml', application(this.#port));
    this.#log = '';
    this.process = spawn(POETRYD, ['--nodaemon', '--pidfile', 'page.pid', 'page.toml'], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.process.stdout.on('data', data => (this.#log += data));
    await until('ready', () => this.#log.includes('] ready'));
    this.#port = this.port('status');
  }

  port(service) {
    const found = this.#log.match(new RegExp(`\\[${service}\\] listening on \\S*:(\\d+)`));
    if (!found) throw new Error(`${service} does not listen:\n${this.#log}`);
    return Number(found[1]);
  }

  get url() {
    return `http://127.0.0.1:${this.#port}/`;
  }

  status = async () => (await fetch(`${this.url}status.json`)).json();

  // A command about a service. It may fail.
  async service(command, path) {
    const args = ['service', command, '--pidfile', 'page.pid', path];
    await promisify(execFile)(POETRYD, args, { timeout: LIMIT }).catch(() => {});
  }

  async fail(path) {
    rmSync(`poems/${path}.txt`, { force: true });
    await this.service('restart', path);
  }

  async restart(path) {
    if (!existsSync(`poems/${path}.txt`)) this.write(path);
    await this.service('restart', path);
  }

  fetchPoem() {
    return new Promise(resolve => {
      const client = net.connect(this.port('yeats.fast'), '127.0.0.1').on('close', resolve).on('error', () => {});
      client.resume();
    });
  }

  // Clients, until the function that is returned is called.
  clients() {
    let serves = true;
    const loop = (async () => {
      while (serves) {
        await this.fetchPoem();
        await new Promise(resolve => setTimeout(resolve, 20));
      }
    })();
    return () => { serves = false; return loop; };
  }

  async stop() {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await ended;
  }
}
