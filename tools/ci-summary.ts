/**
 * Adds up what the suites of a CI run report, and says what failed and why where a log is read first, at its end:
 * `node tools/ci-summary.ts FOLDER`, the last thing that `.ci/run` does.
 */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** The part of Vitest's JSON report that is added up. */
interface Report {
  numPassedTests: number
  numFailedTests: number
  numTotalTests: number
  success: boolean
  testResults: {
    /** The file's path. */
    name: string
    /** Why the file could not be run, and empty where it was. */
    message: string
    assertionResults: { fullName: string; status: string; failureMessages?: string[] }[]
  }[]
}

/** What failed, each with its file and the first lines of the reason. */
const failures = ({ testResults }: Report): string[] =>
  testResults.flatMap(({ name, message, assertionResults }) => {
    const file = path.relative('.', name)
    const failed = assertionResults.filter(({ status }) => status === 'failed')
    return [
      ...(message === '' ? [] : [`${file}\n${indented(message)}`]),
      ...failed.map(
        ({ fullName, failureMessages = [] }) =>
          `${file} > ${fullName}\n${indented(failureMessages.join('\n'))}`,
      ),
    ]
  })

const indented = (text: string): string =>
  text
    .split('\n')
    .filter((line) => !line.includes('node_modules'))
    .slice(0, 12)
    .map((line) => `    ${line}`)
    .join('\n')

const folder = process.argv[2] ?? '.reports'
let passed = 0
let failed = 0
const reasons: string[] = []

for (const file of readdirSync(folder).sort()) {
  const content = readFileSync(path.join(folder, file), 'utf8')
  if (file.endsWith('.step')) {
    const code = Number(content)
    console.log(`${code === 0 ? 'ok     ' : 'FAILED '} ${file.replace('.step', '')}`)
    if (code === 0) passed += 1
    else failed += 1
  } else if (file.endsWith('.json')) {
    const report: Report = JSON.parse(content)
    const other = report.numTotalTests - report.numPassedTests - report.numFailedTests
    // A suite that ran no test, left one out or broke off between tests has not passed.
    const broken =
      report.numPassedTests === 0 || other > 0 || (!report.success && report.numFailedTests === 0)
    passed += report.numPassedTests
    failed += report.numFailedTests + (broken ? 1 : 0)
    reasons.push(...failures(report))
    console.log(
      `${report.success && !broken ? 'ok     ' : 'FAILED '} ${file.replace('.json', '')}: ` +
        `${report.numPassedTests} passed, ${report.numFailedTests} failed, ${other} not run`,
    )
  }
}

for (const reason of reasons) console.log(`\n${reason}`)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0
