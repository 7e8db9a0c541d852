import { parseArgs } from 'node:util'

/** What the run is trained with, under the names that its params have on the tracker. */
export type Params = Omit<ReturnType<typeof readOptions>, 'seed'>

const HELP = `Trains a classifier of handwritten digits on several ranks, and logs it to Edgerun.

  --epochs N   passes over the training images (60)
  --ranks N    worker threads that share every batch (4)
  --seed N     determines the weights and the batches (1)
  --lr X       peak learning rate (0.1)
  --hidden N   units of the hidden layer (256)

EDGERUN_URL is the tracker's address (http://127.0.0.1:8787), EDGERUN_KEY its key, if it has one.`

const BATCH_SIZE = 60

/** Reads the command line; ends the process after --help, and with code 2 on what it does not understand. */
export function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        epochs: { type: 'string', default: '60' },
        ranks: { type: 'string', default: '4' },
        seed: { type: 'string', default: '1' },
        lr: { type: 'string', default: '0.1' },
        hidden: { type: 'string', default: '256' },
        help: { type: 'boolean', short: 'h' },
      },
    })
    if (values.help) {
      console.log(HELP)
      process.exit()
    }
    const number = (name: 'epochs' | 'ranks' | 'seed' | 'lr' | 'hidden', min: number, max: number) => {
      const value = Number(values[name])
      if (value >= min && value <= max && (name === 'lr' || Number.isInteger(value))) return value
      throw new Error(`--${name} must be a ${name === 'lr' ? '' : 'whole '}number from ${min} to ${max}`)
    }
    return {
      seed: number('seed', 0, 2 ** 32 - 1),
      lr: number('lr', 0, 1_000),
      batch_size: BATCH_SIZE,
      hidden_units: number('hidden', 1, 10_000),
      epochs: number('epochs', 1, 10_000),
      ranks: number('ranks', 1, BATCH_SIZE),
      momentum: 0.9,
      weight_decay: 1e-4,
      /** The share of the steps over which the learning rate rises to `lr`. */
      warmup: 0.1,
    }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exit(2)
  }
}
