/** What no answer and no log line may hold. Plain, because suites in workerd and in Node look for the same. */

const EVERYWHERE: [what: string, pattern: RegExp][] = [
  ['an API key', /er_[0-9A-Za-z]{12}_[0-9A-Za-z]{28}/],
  ['the bootstrap secret', /a-secret-of-twenty-characters/],
  ['a connection string', /postgres(ql)?:\/\/[^\s"'\\]*:[^\s"'\\]*@/],
  ['SQL of ours', /\bworkspace_id\b|\bpg_[a-z]+\b|admit_key|log_points|edgerun\.workspace|Failed query/],
  ['what Postgres says', /relation "|column "|violates [a-z -]*constraint|syntax error at or near|SQLSTATE/],
  ['a stack', /\n\s+at |\\n\s+at |\bat [\w.<>]+ \((file:|\/|[\w./-]+:\d+:\d+)/],
  ['a place on the machine', /file:\/\/\/|\/node_modules\/|\/home\/|\/root\/|\/tmp\//],
]

/**
 * What of all that a text holds: the names of it, with a bit of what is around.
 *
 * @param said what its reader has said: that may come back
 */
export const leaks = (text: string, said = ''): string[] =>
  EVERYWHERE.flatMap(([what, pattern]) =>
    [...text.matchAll(new RegExp(pattern, 'g'))]
      .filter(([found]) => !said.includes(found))
      .map(({ index }) => `${what}: …${text.slice(Math.max(0, index - 60), index + 80)}…`),
  )
