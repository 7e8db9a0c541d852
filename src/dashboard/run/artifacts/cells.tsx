/** The rows of a CSV or TSV file. */
import { useMemo, useState } from 'preact/hooks'
import { Scrolls } from '../../ui/scrolls.tsx'
import { readRows } from './rows.ts'

/** Rows and columns that are shown, until more are asked for. */
const ROWS = 200
const COLUMNS = 100

export function Cells({
  text,
  isWhole,
  separator,
}: {
  text: string
  isWhole: boolean
  separator: ',' | '\t'
}) {
  const { head, rows } = useMemo(() => readRows(text, separator, isWhole), [text, separator, isWhole])
  const [limit, raise] = useState(ROWS)
  const columns = head.slice(0, COLUMNS)
  return (
    <>
      <p class="faint number">
        {rows.length.toLocaleString('en')} {rows.length === 1 ? 'row' : 'rows'}
        {!isWhole && ' in what was read so far'}, {head.length.toLocaleString('en')}{' '}
        {head.length === 1 ? 'column' : 'columns'}
        {head.length > COLUMNS && `, of which ${COLUMNS} are here`}
      </p>
      <Scrolls>
        <table class="list cells">
          <thead>
            <tr>
              {columns.map((name, i) => (
                <th key={i} class={isNumber(rows[0]?.[i]) ? 'right' : ''}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, limit).map((row, i) => (
              <tr key={i}>
                {columns.map((_, i) => (
                  <td key={i} class={isNumber(row[i]) ? 'right number' : ''}>
                    {row[i]}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scrolls>
      {rows.length > limit && (
        <button type="button" onClick={() => raise(limit + 5 * ROWS)}>
          Show more rows
        </button>
      )}
    </>
  )
}

const isNumber = (cell: string | undefined) => !!cell?.trim() && Number.isFinite(Number(cell))
