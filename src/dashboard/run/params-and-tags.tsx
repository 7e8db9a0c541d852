/** What a run was started with, which never changes, and what people say of it, which does. */
import { useMemo } from 'preact/hooks'
import type { Run } from '../api.ts'
import { mayWrite } from '../session.ts'
import { Copy } from '../ui/parts.tsx'
import { SearchBox } from '../ui/search-box.tsx'
import { useUrlState } from '../url.ts'
import { byName, isLike, type Named, noteTag } from './about.ts'
import { Note } from './note.tsx'
import { NewTag, TagRow } from './tags.tsx'

export function ParamsAndTags({ run }: { run: Run }) {
  const { search, set } = useUrlState()
  const q = search.get('q') ?? ''
  const params = useFound(run.params, q)
  const note = noteTag(run.tags)
  const tags = useFound(run.tags, q).filter(([name]) => name !== note)
  return (
    <>
      <Note run={run} />
      <div class="bar">
        <SearchBox
          label="Search params and tags"
          placeholder="Search names and values"
          value={q}
          onSearch={(q) => set({ q }, { replace: true })}
          what="search params and tags"
        />
      </div>
      <div class="two">
        <section aria-labelledby="params">
          <h2 id="params">
            Params <span class="faint number">{params.length}</span>
          </h2>
          {params.length === 0 ? (
            <Nothing q={q} what="param" />
          ) : (
            <table class="list named">
              <tbody>
                {params.map(([name, value]) => (
                  <tr key={name}>
                    <th scope="row">{name}</th>
                    <td class="value">{String(value)}</td>
                    <td class="actions">
                      <Copy text={String(value)} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </section>
        <section aria-labelledby="tags">
          <h2 id="tags">
            Tags <span class="faint number">{tags.length}</span>
          </h2>
          {tags.length === 0 ? (
            <Nothing q={q} what="tag" />
          ) : (
            <table class="list named">
              <tbody>
                {tags.map(([name, value]) => (
                  <TagRow key={name} run={run} name={name} value={value} />
                ))}
              </tbody>
            </table>
          )}
          {mayWrite() && <NewTag run={run} />}
        </section>
      </div>
    </>
  )
}

const Nothing = ({ q, what }: { q: string; what: string }) => (
  <p class="faint">{q ? `No ${what} has that in its name or value.` : `This run has no ${what}s.`}</p>
)

const useFound = (named: Named, q: string) =>
  useMemo(
    () =>
      Object.entries(named)
        .filter(([name, value]) => isLike(q, name, value))
        .sort(([a], [b]) => byName(a, b)),
    [named, q],
  )
