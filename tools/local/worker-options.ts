/**
 * Prints, as JSON, what Miniflare is to be told about the Worker of `wrangler.toml`. A program of its own, because
 * wrangler stays in memory once it is loaded (measured: 170 MB), and the tracker needs nothing else of it.
 */
import { unstable_getMiniflareWorkerOptions } from 'wrangler'
import { CONFIG } from './build.ts'

const { workerOptions } = unstable_getMiniflareWorkerOptions(CONFIG)
console.log(
  JSON.stringify(workerOptions, (key, value) => {
    if (typeof value === 'function')
      throw new Error(`The option ${key} is a function, which JSON cannot carry`)
    return value
  }),
)
