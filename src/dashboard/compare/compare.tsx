/** Runs side by side. */
export function Compare({ id }: { id: string }) {
  return <main>{id}</main>
}
