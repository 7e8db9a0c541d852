/** A real browser, and another site for it to visit. */
import { createServer } from 'node:http'
import { type Browser, chromium, type Page } from 'playwright-core'

/** @param args for Chromium */
export const launch = (...args: string[]): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...args,
    ],
  })

/** What a page complains of from now on: in its console, and by exceptions that nobody caught. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  return complaints
}

/** Another site than the tracker's: what lies on it, and who has called it. */
export class Site {
  readonly called: string[] = []
  readonly #files = new Map<string, { type: string; text: string }>()
  readonly #server = createServer((request, response) => {
    const path = request.url ?? ''
    this.called.push(path)
    const file = this.#files.get(path)
    response.writeHead(file ? 200 : 404, { 'Content-Type': file?.type ?? 'text/plain' }).end(file?.text)
  })

  static async open(): Promise<Site> {
    const site = new Site()
    await new Promise<void>((resolve) => site.#server.listen(0, 'localhost', resolve))
    return site
  }

  /** Of another host than the tracker's, to a browser. */
  get origin(): string {
    const address = this.#server.address()
    if (typeof address !== 'object' || address === null) throw new Error('The site is closed')
    return `http://localhost:${address.port}`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  /** Puts a file there, and gives its address. */
  put(path: string, type: string, text: string): string {
    this.#files.set(path, { type, text })
    return this.origin + path
  }
}
