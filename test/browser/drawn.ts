/** What a chart has on its canvas. */
import type { Page } from 'playwright-core'

export interface Drawn {
  /** The part between the axes, in pixels. */
  width: number
  height: number
  /** Of each column of pixels the first and the last row that has the colour; null where none has. */
  columns: ([top: number, bottom: number] | null)[]
}

/** The plot of a metric between its axes. */
export const plotOf = (page: Page, metric: string) => page.locator(`figure[aria-label="${metric}"] .u-over`)

/** Where a colour is in the plot of a metric. @param colour as CSS writes it, `rgb(0, 114, 178)` */
export function drawn(page: Page, metric: string, colour: string): Promise<Drawn> {
  return page.evaluate(
    ([metric, colour]) => {
      const figure = document.querySelector(`figure[aria-label="${metric}"]`)
      const canvas = figure?.querySelector('canvas')
      const over = figure?.querySelector('.u-over')
      // The canvas of the page is not made for being read.
      const copy = new OffscreenCanvas(canvas?.width ?? 1, canvas?.height ?? 1)
      const ctx = copy.getContext('2d', { willReadFrequently: true })
      if (!canvas || !over || !ctx) throw new Error(`There is no plot of ${metric}`)
      ctx.drawImage(canvas, 0, 0)
      const ratio = canvas.width / canvas.clientWidth
      const [inner, outer] = [over.getBoundingClientRect(), canvas.getBoundingClientRect()]
      const [left, top] = [inner.left - outer.left, inner.top - outer.top].map((n) => Math.round(n * ratio))
      const [width, height] = [inner.width, inner.height].map((n) => Math.round(n * ratio))
      const { data } = ctx.getImageData(left ?? 0, top ?? 0, width ?? 0, height ?? 0)
      const wanted = colour?.match(/\d+/g)?.map(Number) ?? []
      const columns: ([number, number] | null)[] = []
      for (let x = 0; x < (width ?? 0); x++) {
        const rows: number[] = []
        for (let y = 0; y < (height ?? 0); y++) {
          const i = (y * (width ?? 0) + x) * 4
          const distance = [0, 1, 2].reduce(
            (sum, c) => sum + Math.abs((data[i + c] ?? 0) - (wanted[c] ?? 0)),
            0,
          )
          if ((data[i + 3] ?? 0) > 150 && distance < 60) rows.push(y)
        }
        columns.push(rows.length > 0 ? [rows[0] ?? 0, rows.at(-1) ?? 0] : null)
      }
      return { width: width ?? 0, height: height ?? 0, columns }
    },
    [metric, colour],
  )
}

/** The colour of the run of a run page. */
export const runColour = (page: Page): Promise<string> =>
  page
    .locator('.dot')
    .first()
    .evaluate((dot) => getComputedStyle(dot).backgroundColor)
