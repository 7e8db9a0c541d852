import type { Digit } from './digits.ts'
import { gaussian } from './random.ts'
import { blend, dot } from './vector.ts'

const PIXELS = 64
const CLASSES = 10

/** What a unit weighs its inputs with, the bias last, and how the loss changes with it: views on the flat arrays. */
interface Unit {
  weights: Float32Array
  gradient: Float32Array
}

/** How many parameters a network with `width` hidden units has. */
export const parameterCount = (width: number) => width * (PIXELS + 1) + CLASSES * (width + 1)

/**
 * A classifier of digits: one hidden layer of rectified units, softmax cross-entropy.
 *
 * `parameters` and `gradient` are flat arrays of one layout, as an optimizer and an all-reduce want them: unit after
 * unit, first the hidden layer, then the ten classes.
 */
export class Network {
  readonly parameters: Float32Array
  readonly gradient: Float32Array
  readonly #hiddenUnits: Unit[]
  readonly #classUnits: Unit[]
  // The constant 1 at the end of what a layer takes in makes the bias a weight like any other.
  readonly #input = new Float32Array(PIXELS + 1).fill(1)
  readonly #hidden: Float32Array
  readonly #hiddenGradient: Float32Array
  readonly #scores = new Float32Array(CLASSES)

  /** `width` hidden units, with normally distributed weights (He et al., 2015, doi:10.1109/ICCV.2015.123). */
  constructor(width: number, random: () => number) {
    this.parameters = new Float32Array(parameterCount(width))
    this.gradient = new Float32Array(parameterCount(width))
    this.#hidden = new Float32Array(width + 1).fill(1)
    this.#hiddenGradient = new Float32Array(width + 1)
    this.#hiddenUnits = this.#units(0, width, PIXELS + 1)
    this.#classUnits = this.#units(width * (PIXELS + 1), CLASSES, width + 1)
    for (const { weights } of [...this.#hiddenUnits, ...this.#classUnits]) {
      const deviation = Math.sqrt(2 / (weights.length - 1))
      const bias = 0
      weights.set([...weights.subarray(1).map(() => deviation * gaussian(random)), bias])
    }
  }

  /** Which digit the network takes it for. */
  predict(digit: Digit): number {
    const scores = this.#forward(digit)
    return scores.indexOf(Math.max(...scores))
  }

  /** Adds `weight` times the gradient of this digit's loss to `gradient`; gives the loss, in nats. */
  learn(digit: Digit, weight: number): number {
    const scores = this.#forward(digit)
    const highest = Math.max(...scores)
    const logTotal = highest + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - highest), 0))

    this.#hiddenGradient.fill(0)
    this.#classUnits.forEach(({ weights, gradient }, k) => {
      const error = weight * (Math.exp((scores[k] ?? 0) - logTotal) - (k === digit.label ? 1 : 0))
      blend(this.#hiddenGradient, 1, error, weights)
      blend(gradient, 1, error, this.#hidden)
    })
    this.#hiddenUnits.forEach(({ gradient }, j) => {
      // A unit at 0 is off, and learns nothing.
      if (this.#hidden[j] !== 0) blend(gradient, 1, this.#hiddenGradient[j] ?? 0, this.#input)
    })
    return logTotal - (scores[digit.label] ?? 0)
  }

  /** The ten classes' scores: the logarithms of their probabilities, up to a constant. */
  #forward(digit: Digit): Float32Array {
    this.#input.set(digit.pixels)
    this.#hiddenUnits.forEach(({ weights }, j) => {
      this.#hidden[j] = Math.max(0, dot(weights, this.#input))
    })
    this.#classUnits.forEach(({ weights }, k) => {
      this.#scores[k] = dot(weights, this.#hidden)
    })
    return this.#scores
  }

  #units(start: number, count: number, size: number): Unit[] {
    return Array.from({ length: count }, (_, i) => {
      const [begin, end] = [start + i * size, start + (i + 1) * size]
      return { weights: this.parameters.subarray(begin, end), gradient: this.gradient.subarray(begin, end) }
    })
  }
}
