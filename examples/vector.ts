// The two loops in which training spends its time. `?? 0` never applies, as both arrays have the same length: it
// tells the compiler, which does not see that, and costs nothing.

/** The inner product of two vectors of the same length. */
export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0)
  return sum
}

/** target = keep × target + scale × source, for vectors of the same length. */
export function blend(target: Float32Array, keep: number, scale: number, source: Float32Array) {
  for (let i = 0; i < target.length; i++) target[i] = keep * (target[i] ?? 0) + scale * (source[i] ?? 0)
}
