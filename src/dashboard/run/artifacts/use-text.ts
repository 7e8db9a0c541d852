/** The text of a file, of which a part is read first, and more when it is asked for. */
import { useInfiniteQuery } from '@tanstack/react-query'
import { nothing } from '../../queries.ts'
import { readPart } from './read.ts'

/** Read at once, in bytes. */
export const PART = 256 * 1024

export interface FileText {
  text: string
  /** In bytes: of what was read, and of the whole file. */
  read: number
  size: number
  isBinary: boolean
}

/** @param isWanted false while it is not known whether there is anything to read: nobody can send a part of nothing */
export function useText(run: string, path: string, isWanted: boolean) {
  const parts = useInfiniteQuery({
    queryKey: ['run', run, 'file', path],
    queryFn: ({ pageParam: from }) => readPart(run, path, from, PART),
    enabled: isWanted,
    initialPageParam: 0,
    getNextPageParam: ({ size }, pages) => {
      const read = pages.reduce((sum, { bytes }) => sum + bytes.length, 0)
      return read < size ? read : undefined
    },
    select: ({ pages }): FileText => {
      // A character may lie in two parts.
      const decoder = new TextDecoder()
      const text = pages.map(({ bytes }) => decoder.decode(bytes, { stream: true })).join('')
      return {
        text,
        read: pages.reduce((sum, { bytes }) => sum + bytes.length, 0),
        size: pages.at(-1)?.size ?? 0,
        isBinary: pages[0]?.bytes.includes(0) ?? false,
      }
    },
    placeholderData: nothing,
    staleTime: 10_000,
  })
  return parts
}
