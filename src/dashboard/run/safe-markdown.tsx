/** A text of Markdown as the page shows it. */
import { useQuery } from '@tanstack/react-query'
import { Failure, Skeleton } from '../ui/parts.tsx'
import { relativePath } from './artifacts/kind.ts'
import { addressOf } from './artifacts/read.ts'

/** @param folder of the run's artifacts in which relative images lie */
export function SafeMarkdown({ text, run, folder = '' }: { text: string; run: string; folder?: string }) {
  const html = useQuery({
    queryKey: ['markdown', run, folder, text],
    queryFn: async () => {
      const { safeHtml } = await import('./markdown.ts')
      return safeHtml(text, (address) => {
        const path = relativePath(folder, address)
        return path === undefined ? undefined : addressOf(run, path)
      })
    },
    staleTime: Number.POSITIVE_INFINITY,
  })
  if (html.error) return <Failure error={html.error} again={() => html.refetch()} />
  if (html.data === undefined) return <Skeleton lines={3} />
  // It is what safeHtml made safe, for this place.
  return <div class="markdown" dangerouslySetInnerHTML={{ __html: html.data }} />
}
