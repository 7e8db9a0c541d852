import { blend } from './vector.ts'

/** Rises to `peak` over the share `warmup` of the steps, then falls to 0 along half a cosine; steps count from 1. */
export function learningRate(step: number, steps: number, warmup: number, peak: number): number {
  const done = step / steps
  if (done < warmup) return (peak * done) / warmup
  return (peak * (1 + Math.cos((Math.PI * (done - warmup)) / (1 - warmup)))) / 2
}

/** Gradient descent with momentum and weight decay, as PyTorch's `SGD` has them. */
export class Sgd {
  readonly #momentum: number
  readonly #weightDecay: number
  readonly #velocity: Float32Array

  constructor(size: number, momentum: number, weightDecay: number) {
    this.#momentum = momentum
    this.#weightDecay = weightDecay
    this.#velocity = new Float32Array(size)
  }

  /** Moves the parameters one step against the gradient. */
  step(parameters: Float32Array, gradient: Float32Array, rate: number) {
    blend(this.#velocity, this.#momentum, 1, gradient)
    blend(this.#velocity, 1, this.#weightDecay, parameters)
    blend(parameters, 1, -rate, this.#velocity)
  }
}
