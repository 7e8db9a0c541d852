/** Columns that are dragged onto each other. */
import { type Column, moved } from './columns.ts'

/** What makes an element that stands for a column one that may be dragged, and that others are dropped on. */
export function draggedBy(
  id: string,
  columns: readonly Column[],
  onColumns: (columns: Column[]) => void,
  /** Marks the column that one is about to be dropped on. */
  aim: (id: string | undefined) => void,
) {
  return {
    onDragStart: (event: DragEvent) => event.dataTransfer?.setData('text/plain', id),
    onDragOver: (event: DragEvent) => {
      event.preventDefault()
      aim(id)
    },
    onDrop: (event: DragEvent) => {
      event.preventDefault()
      aim(undefined)
      const dragged = event.dataTransfer?.getData('text/plain')
      if (!dragged) return
      const to = columns.findIndex((one) => one.id === id)
      onColumns(moved(columns, dragged, to))
    },
  }
}
