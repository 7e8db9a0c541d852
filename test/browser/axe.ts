/** What axe, which knows the rules of accessible pages, finds wrong with one. */
import axe, { type AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'

/** Serious faults of what a page shows now, with the places of each. */
export async function faultsOf(page: Page): Promise<string[]> {
  // Not as a script of the page: its policy allows none.
  const { violations } = await page.evaluate<AxeResults>(`${axe.source}; axe.run()`)
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`)
}

/** By how many pixels a page is wider than its window. */
export const overflowOf = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
