/** The page in a real browser, on a tracker as `npm start` runs it. */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { expect } from 'vitest'
import { Tracker } from '../system/support.ts'
import { launch } from './support.ts'

export class Stage {
  readonly tracker: Tracker
  readonly browser: Browser
  readonly #complaints: string[] = []

  private constructor(tracker: Tracker, browser: Browser) {
    this.tracker = tracker
    this.browser = browser
  }

  static async open({ env = {} }: { env?: NodeJS.ProcessEnv } = {}): Promise<Stage> {
    const [tracker, browser] = await Promise.all([Tracker.start({ env }), launch()])
    return new Stage(tracker, browser)
  }

  /**
   * Opens a path, in a browser that has seen nothing yet. What its page complains of, what fails and what is asked of
   * any other origin is kept for `close`.
   */
  async visit(path: string, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.browser.newContext({ viewport: { width: 1400, height: 900 }, ...options })
    const page = await context.newPage()
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') this.#complaints.push(message.text())
    })
    page.on('pageerror', (error) => this.#complaints.push(error.message))
    page.on('requestfailed', (request) => {
      const why = request.failure()?.errorText
      // What is no longer wanted is given up.
      if (why !== 'net::ERR_ABORTED') this.#complaints.push(`${request.url()}: ${why}`)
    })
    page.on('response', (response) => {
      if (response.status() >= 400) this.#complaints.push(`${response.url()}: ${response.status()}`)
    })
    page.on('request', (request) => {
      const { origin, protocol } = new URL(request.url())
      if (protocol !== 'data:' && protocol !== 'blob:' && origin !== this.tracker.url) {
        this.#complaints.push(`asked another origin: ${request.url()}`)
      }
    })
    await page.goto(this.tracker.url + path)
    return page
  }

  /** Takes back complaints that a test has provoked, which have to be there. */
  forgive(pattern: RegExp): void {
    const kept = this.#complaints.filter((complaint) => !pattern.test(complaint))
    expect(kept.length).toBeLessThan(this.#complaints.length)
    this.#complaints.splice(0, Number.POSITIVE_INFINITY, ...kept)
  }

  /** @throws AssertionError where any page had something to complain of */
  async close(): Promise<void> {
    await this.browser.close()
    expect(this.#complaints).toEqual([])
  }

  /** Asks the tracker itself. */
  async ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(this.tracker.url + path, {
      method,
      ...(body !== undefined && {
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return JSON.parse(text || 'null')
  }
}
