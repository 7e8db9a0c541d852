/** Commands that fetch what the page shows, for a shell. */

/** A text that a POSIX shell takes as it is. */
const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`

/** @param needsKey whether the tracker asks for one, which is then a variable of the shell: no page shows a key */
export const curl = (url: string, needsKey: boolean): string =>
  `curl ${quoted(url)}${needsKey ? ' \\\n  -H "Authorization: Bearer $EDGERUN_KEY"' : ''}`
