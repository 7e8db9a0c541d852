/** What is in a folder of a run's artifacts. */
import { useQuery } from '@tanstack/react-query'
import { Problem, type Run } from '../../api.ts'
import { nothing } from '../../queries.ts'
import { isLive } from '../about.ts'
import { listFolder } from './read.ts'

export const useFolder = (run: Run, folder: string) =>
  useQuery({
    queryKey: ['run', run.id, 'artifacts', folder],
    queryFn: () => listFolder(run.id, folder),
    refetchInterval: isLive(run) ? 15_000 : false,
    placeholderData: nothing,
    // That they lie elsewhere does not pass.
    retry: (failures, error) =>
      failures < 3 && (!(error instanceof Problem) || (error.mayPass && error.status !== 501)),
  })
