/** One run. */
export function Run({ id }: { id: string }) {
  return <main>{id}</main>
}
