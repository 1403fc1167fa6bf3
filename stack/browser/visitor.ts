import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, type Locator, type Page, chromium } from 'playwright-core';
import { expect } from 'vitest';
import { required } from './emulator.ts';

/** Starts the browser; it ends when this process does, however that ends. */
export function launch(...args: string[]): Promise<Browser> {
  return chromium.launch({ executablePath: required('VERIFIER_BROWSER'), args });
}

/** Somebody who looks at the page, in a profile of their own. */
export class Visitor {
  /** What the console, the policy and the page itself complained about. */
  readonly complaints: string[] = [];

  private constructor(readonly page: Page) {
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') {
        this.complaints.push(`console: ${message.text()}`);
      }
    });
    page.on('pageerror', (error) => this.complaints.push(`script: ${error.message}`));
  }

  static async arrive(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Visitor> {
    const visitor = await Visitor.come(browser, options);
    await visitor.page.goto(url);
    return visitor;
  }

  /** A visitor who has yet to open the page, so that answers can be replaced before. */
  static async come(browser: Browser, options: BrowserContextOptions = {}): Promise<Visitor> {
    const context = await browser.newContext({ viewport: { width: 1000, height: 900 }, reducedMotion: 'reduce', ...options });
    const visitor = new Visitor(await context.newPage());
    // Violations that are not logged, such as those of a policy that only reports.
    await context.exposeFunction('complain', (text: string) => visitor.complaints.push(text));
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
        (window as unknown as { complain: (text: string) => void }).complain(`policy: ${violatedDirective} ${blockedURI}`);
      });
    });
    return visitor;
  }

  async leave(): Promise<void> {
    await this.page.context().close();
  }

  button(name: string): Locator {
    return this.page.getByRole('button', { name, exact: true });
  }

  get task(): Locator {
    return this.page.getByLabel('Task');
  }

  /** The jobs that the page lists, the newest first. */
  get jobs(): Locator {
    return this.page.locator('#jobs > li');
  }

  /** Waits until the newest job is no longer being sent, and tells its state. */
  async settled(): Promise<string> {
    const state = this.jobs.first().locator('.state');
    await state.and(this.page.locator('.accepted, .rejected')).waitFor();
    return state.innerText();
  }

  /** The facts that the page reports its newest job. */
  async facts(): Promise<Record<string, string>> {
    const texts = (part: string) => this.jobs.first().locator(part).allInnerTexts();
    const [terms, values] = [await texts('dt'), await texts('dd')];
    return Object.fromEntries(terms.map((term, index) => [term, values[index] ?? '']));
  }

  /** How far the page can be scrolled sideways, in pixels. */
  sideways(): Promise<number> {
    return this.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  }

  /** Keeps a picture of the whole page. */
  async picture(name: string): Promise<void> {
    const folder = required('VERIFIER_BROWSER_PICTURES');
    mkdirSync(folder, { recursive: true });
    await this.page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  }

  expectNoComplaints(): void {
    expect(this.complaints).toEqual([]);
  }
}
