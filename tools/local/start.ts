/** `npm start`: the tracker as in production, on this machine. */
import { accessBindings } from './access.ts'
import { buildWorker } from './build.ts'
import { startClock } from './cron.ts'
import { greeting } from './greeting.ts'
import { live } from './lifecycle.ts'
import { limitBindings } from './limits.ts'
import { readOptions } from './options.ts'
import { announce, startDatabase, takeFolder } from './stack.ts'

await live(async (lifecycle) => {
  const options = readOptions(process.env)
  const limits = limitBindings(process.env)
  await takeFolder(options, lifecycle)
  const steps = [
    startDatabase(options, lifecycle),
    buildWorker(options.dataFolder, lifecycle.stopping),
    // Takes half a second to load, in which the other two are busy elsewhere.
    import('./worker.ts'),
  ] as const
  lifecycle.onStop(() => Promise.allSettled(steps))
  const [database, build, { runWorker }] = await Promise.all(steps)
  const bindings = { ...database, ...(await accessBindings(options)), ...limits }
  const worker = await runWorker(build, { ...options, bindings })
  lifecycle.onStop(() => worker.stop())
  startClock(build.crons, options.cronSeconds, worker.scheduled, lifecycle)
  await announce(options, bindings, lifecycle)
  console.log(greeting(options))
})
