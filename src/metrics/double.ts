/** The IEEE 754 bits of a double in hexadecimal, as Postgres' float8send() has them: they tell 0 from -0. */
export function doubleBits(value: number): string {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value)
  return view.getBigUint64(0).toString(16).padStart(16, '0')
}

/** A double as Postgres reads it back bit by bit; JavaScript writes -0 as 0. */
export const doubleText = (value: number) => (Object.is(value, -0) ? '-0' : String(value))

/** The double that has these bits: the opposite of `doubleBits`. */
export function doubleOf(bits: string): number {
  const view = new DataView(new ArrayBuffer(8))
  view.setBigUint64(0, BigInt(`0x${bits}`))
  return view.getFloat64(0)
}
