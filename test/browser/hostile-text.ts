/** A text that somebody has written to harm whoever reads it. */
import type { Page } from 'playwright-core'
import { expect } from 'vitest'

/** Everything in Markdown and HTML that would run, or tell another site that somebody reads it. */
export const HOSTILE = [
  '# Findings',
  '<script>window.ran = "script"</script>',
  '<img src="x" onerror="window.ran = \'onerror\'">',
  '<svg onload="window.ran = \'svg\'"><script>window.ran = "in svg"</script></svg>',
  '<iframe srcdoc="<script>parent.ran = \'iframe\'</script>"></iframe>',
  '<a href="javascript:window.ran=\'raw link\'">raw link</a>',
  '<details open ontoggle="window.ran = \'toggle\'"><summary>more</summary></details>',
  '<form action="/runs"><button>send</button></form>',
  '<style>body { display: none }</style>',
  "[script link](javascript:window.ran='link')",
  "[split link](java\tscript:window.ran='split')",
  "[coded link](&#106;avascript:window.ran='coded')",
  '[data link](data:text/html,<script>window.ran=1</script>)',
  '[paper](https://example.org/paper)',
  '![pixel](https://tracker.example.org/pixel.png)',
  '![bad](x" onerror="window.ran=\'image\')',
  '**bold** and `code`',
].join('\n\n')

/** What has run in a page of all that says so by `window.ran`. */
export const ranIn = (page: Page): Promise<unknown> =>
  page.evaluate(() => ('ran' in window ? window.ran : undefined))

/** Follows whatever leads anywhere in a text made safe, and sees that nothing of it ran. */
export async function checkHostile(page: Page): Promise<void> {
  const shown = page.locator('.markdown')
  for (const name of ['raw link', 'script link', 'split link', 'coded link', 'data link']) {
    await shown.getByText(name).first().click()
  }
  const held = await shown.evaluate((element) => ({
    elements: [
      ...element.querySelectorAll('script, iframe, form, style, svg, object, embed, base, link, meta'),
    ].length,
    handlers: [...element.querySelectorAll('*')].flatMap(({ attributes }) =>
      [...attributes].map(({ name }) => name).filter((name) => name.startsWith('on') || name === 'style'),
    ),
    links: [...element.querySelectorAll('a[href]')].map((link) => [
      link.textContent,
      link.getAttribute('href'),
      link.getAttribute('rel'),
      link.getAttribute('target'),
    ]),
  }))
  expect(held.elements).toBe(0)
  expect(held.handlers).toEqual([])
  const others = ['noopener noreferrer nofollow', '_blank']
  expect(held.links).toEqual([
    ['paper', 'https://example.org/paper', ...others],
    ['pixel', 'https://tracker.example.org/pixel.png', ...others],
  ])
  expect(await shown.locator('strong').textContent()).toBe('bold')
  expect(await ranIn(page)).toBeUndefined()
}
