import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

/** A handwritten digit: 64 pixels (8 × 8, row by row, 0 white to 1 black) and what it shows, 0 to 9. */
export interface Digit {
  pixels: Float32Array
  label: number
}

/**
 * Reads UCI's handwritten digits (see data/README.md): 1,498 to train on and 299 held out. It is every sixth
 * image that is held out, whatever the seed, so that runs compare.
 */
export function loadDigits(): { train: Digit[]; heldOut: Digit[] } {
  const file = new URL('data/digits.csv.gz', import.meta.url)
  const lines = gunzipSync(readFileSync(file)).toString().trim().split('\n')
  const digits = lines.map((line) => {
    const numbers = line.split(',').map(Number)
    return { pixels: Float32Array.from(numbers.slice(0, 64), (ink) => ink / 16), label: numbers[64] ?? 0 }
  })
  const isHeldOut = (_: Digit, i: number) => i % 6 === 5
  return { train: digits.filter((digit, i) => !isHeldOut(digit, i)), heldOut: digits.filter(isHeldOut) }
}
