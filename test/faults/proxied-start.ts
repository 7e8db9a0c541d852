/** As `npm start`, but the Worker reaches its database through FAULTS_PROXY, which is to lead to the gateway. */
import { accessBindings } from '../../tools/local/access.ts'
import { buildWorker } from '../../tools/local/build.ts'
import { startClock } from '../../tools/local/cron.ts'
import { greeting } from '../../tools/local/greeting.ts'
import { live } from '../../tools/local/lifecycle.ts'
import { readOptions } from '../../tools/local/options.ts'
import { announce, startDatabase, takeFolder } from '../../tools/local/stack.ts'
import { runWorker } from '../../tools/local/worker.ts'

await live(async (lifecycle) => {
  const options = readOptions(process.env)
  await takeFolder(options, lifecycle)
  const bindings = { ...(await startDatabase(options, lifecycle)), ...(await accessBindings(options)) }
  const build = await buildWorker(options.dataFolder, lifecycle.stopping)
  const throughProxy = { ...bindings, DATABASE_GATEWAY: process.env.FAULTS_PROXY ?? '' }
  const worker = await runWorker(build, { ...options, bindings: throughProxy })
  lifecycle.onStop(() => worker.stop())
  startClock(build.crons, options.cronSeconds, worker.scheduled, lifecycle)
  await announce(options, bindings, lifecycle)
  console.log(greeting(options))
})
