import fc from 'fast-check'

/**
 * What all plans of these suites follow from. `FAULTS_SEED=… npm run test:faults` makes the same plans again; what then
 * meets which fault still depends on the order in which the machine does things.
 */
export const SEED = Number(process.env.FAULTS_SEED ?? Math.floor(Math.random() * 2 ** 31))
if (!Number.isSafeInteger(SEED))
  throw new Error(`FAULTS_SEED is ${process.env.FAULTS_SEED}, which is no number`)

/** For the name of a group of tests, so that every report says how to repeat it. */
export const seeded = `with FAULTS_SEED=${SEED}`

/**
 * Draws a plan, evenly: this is about chance, and not about the ends of ranges.
 *
 * @param who another plan for each one
 */
export const draw = <T>(plan: fc.Arbitrary<T>, length: number, who: number): T[] =>
  fc.sample(fc.noBias(plan), { seed: (SEED + Math.imul(who, 0x9e3779b1)) | 0, numRuns: length })
