/** Rows of a file of separated values. */
import { csvParseRows, tsvParseRows } from 'd3-dsv'

export interface Rows {
  head: string[]
  rows: string[][]
}

/** @param isWhole whether the text is all of the file; else its last row may be cut off, and is left out */
export function readRows(text: string, separator: ',' | '\t', isWhole: boolean): Rows {
  // Not what makes objects of rows: that writes code of their names, which the policy of the page refuses.
  const parse = separator === ',' ? csvParseRows : tsvParseRows
  const [head = [], ...rows] = parse(text.replace(/^\ufeff/, ''))
  if (!isWhole) rows.pop()
  return { head, rows: rows.filter((row) => row.length > 1 || row[0] !== '') }
}
