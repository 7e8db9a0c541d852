/** Says which of the runs that the address names are not there. */
import { useUrlState } from '../url.ts'

export function Missing({ ids, runs }: { ids: readonly string[]; runs: readonly { id: string }[] }) {
  const { set } = useUrlState()
  const there = new Set(runs.map(({ id }) => id))
  const count = ids.filter((id) => !there.has(id)).length
  if (count === 0) return null
  return (
    <p class="failure">
      {count === 1 ? '1 of the runs is' : `${count} of the runs are`} not in this experiment, or deleted.{' '}
      {there.size > 0 && (
        <button type="button" onClick={() => set({ runs: [...there].join(',') })}>
          Leave out
        </button>
      )}
    </p>
  )
}
