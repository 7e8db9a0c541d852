/** `npm run db:migrate`, `db:rollback [-- COUNT]` and `db:history`, against the database that DATABASE_URL names. */
import { history, migrate, rollback } from './migrate.ts'

const [command, count = '1'] = process.argv.slice(2)
const databaseUrl = process.env.DATABASE_URL

function fail(sentence: string): never {
  console.error(sentence)
  process.exit(1)
}

if (!databaseUrl) fail('Set DATABASE_URL to the database, as in postgres://user:password@host/database.')

try {
  if (command === 'migrate') report('applied', await migrate(databaseUrl))
  else if (command === 'rollback') {
    if (!/^[1-9]\d*$/.test(count)) fail(`How many to take back is a whole number, not ${count}.`)
    report('taken back', await rollback(databaseUrl, Number(count)))
  } else if (command === 'history') {
    for (const { name, applied } of await history(databaseUrl))
      console.log(`${applied ? 'applied' : 'pending'}  ${name}`)
  } else fail('Say migrate, rollback or history.')
} catch (error) {
  fail(`The database says: ${error instanceof Error ? error.message : error}. Nothing was changed.`)
}

function report(what: string, names: string[]) {
  if (names.length === 0) console.log(`Nothing to do: nothing was ${what}.`)
  for (const name of names) console.log(`${what}  ${name}`)
}
