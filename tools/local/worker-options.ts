/**
 * Prints, as JSON, what Miniflare is to be told about the Worker of `wrangler.toml`, and when its crons are due, which
 * Miniflare knows nothing of. A program of its own, because
 * wrangler stays in memory once it is loaded (measured: 170 MB), and the tracker needs nothing else of it.
 */
import { unstable_getMiniflareWorkerOptions, unstable_readConfig } from 'wrangler'
import { CONFIG } from './build.ts'

const { workerOptions: options } = unstable_getMiniflareWorkerOptions(CONFIG)
const { crons = [] } = unstable_readConfig({ config: CONFIG }).triggers
console.log(
  JSON.stringify({ options, crons }, (key, value) => {
    if (typeof value === 'function')
      throw new Error(`The option ${key} is a function, which JSON cannot carry`)
    return value
  }),
)
