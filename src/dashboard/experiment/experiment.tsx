/** One experiment: its runs in a table, and beside it the charts of those that are selected. */
export function Experiment({ id }: { id: string }) {
  return <main>{id}</main>
}
