import { keepPreviousData, QueryClient } from '@tanstack/react-query'
import { Problem } from './api.ts'

/** How many times what may pass is tried again. */
const RETRIES = 3

/** What was read from the tracker: shown at once when it is wanted again, and then refreshed. */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      gcTime: 10 * 60_000,
      placeholderData: keepPreviousData,
      retry: (failures, error) => failures < RETRIES && (!(error instanceof Problem) || error.mayPass),
      // As long as the tracker asks for, else a little longer each time.
      retryDelay: (failures, error) =>
        error instanceof Problem && error.retryAfter !== undefined
          ? error.retryAfter * 1_000
          : Math.min(1_000 * 2 ** failures, 10_000),
    },
  },
})

/** As `placeholderData`, where what was shown before is of something else, and must not stand in the place of this. */
export const nothing = () => undefined
