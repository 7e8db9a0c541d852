import { humanId } from 'human-id'

/** A name for what was given none: `nice-walls-jump-417`. */
export const randomName = () =>
  `${humanId({ separator: '-', capitalize: false })}-${Math.floor(Math.random() * 1_000)}`
