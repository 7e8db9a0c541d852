/** What the parts of the table are. It is no table of HTML: of that, rows and columns out of sight would be parts too. */

export const ROWS = { role: 'rowgroup' } as const
/** What only takes up room. */
export const ROOM = { role: 'presentation' } as const

/**
 * @param isTree whether some rows are below others
 * @param rows how many there are, but for the heads; undefined where nobody knows
 */
export const gridOf = (
  isTree: boolean,
  rows: number | undefined,
  columns: number,
  active: string | undefined,
  isBusy: boolean,
) =>
  ({
    role: isTree ? 'treegrid' : 'grid',
    tabIndex: 0,
    'aria-label': 'Runs',
    'aria-multiselectable': true,
    'aria-rowcount': rows === undefined ? -1 : rows + 1,
    'aria-colcount': columns,
    'aria-busy': isBusy,
    'aria-activedescendant': active,
  }) as const

/** @param index from 0, behind the heads */
export const rowOf = (index: number, about: { isSelected?: boolean; isExpanded?: boolean; level?: number }) =>
  ({
    role: 'row',
    'aria-rowindex': index + 2,
    'aria-selected': about.isSelected,
    'aria-expanded': about.isExpanded,
    'aria-level': about.level,
  }) as const

export const HEADS = { role: 'row', 'aria-rowindex': 1 } as const

export const headOf = (index: number, sort: 'ascending' | 'descending' | 'none' | undefined) =>
  ({ role: 'columnheader', 'aria-colindex': index + 1, 'aria-sort': sort }) as const

export const cellOf = (index: number) => ({ role: 'gridcell', 'aria-colindex': index + 1 }) as const

export const splitterOf = (value: number, least: number, most: number) =>
  ({
    role: 'separator',
    tabIndex: 0,
    'aria-label': 'Width of the table',
    'aria-orientation': 'vertical',
    'aria-valuenow': value,
    'aria-valuemin': least,
    'aria-valuemax': most,
  }) as const
