/** Every route of the router, called with a good key for what belongs to another workspace. */
import { beforeAll, describe, expect, it } from 'vitest'
import { forget } from '../../src/keys/grants.ts'
import {
  bearer,
  fingerprint,
  type MadeKey,
  makeKey,
  makeWorkspace,
  newClosedTracker,
  withKey,
} from '../support/keys.ts'
import type { Answer, Tracker } from '../support/tracker.ts'
import { type Fixture, filesOf, ghost, newFixture } from './fixture.ts'
import { CLOSED, callOf } from './requests.ts'

interface Tenant {
  workspace: number
  admin: MadeKey
  fixture: Fixture
}

let tracker: Tracker
let first: Tenant
let second: Tenant

beforeAll(async () => {
  tracker = await newClosedTracker()
  first = await newTenant(1, 'default')
  second = await newTenant(2, await makeWorkspace(tracker, 'other'))
})

async function newTenant(workspace: number, name: string): Promise<Tenant> {
  const admin = await makeKey(tracker, { scope: 'admin' }, name)
  return { workspace, admin, fixture: await newFixture(withKey(tracker, admin.key)) }
}

const send = (route: string, f: Fixture, { key }: MadeKey): Promise<Answer<unknown>> => {
  const call = callOf(route, f)
  return tracker.send(call.method, call.path, call.body, { ...call.headers, ...bearer(key) })
}

/** An answer without what differs from one to the next: what the request has named, other ids, times and names. */
function plain({ status, text }: Answer<unknown>, f: Fixture) {
  const named = Object.entries(f).filter(([, value]) => value.length > 4)
  const said = named
    .flatMap(([name, value]) => [
      [value, name],
      [value.replaceAll('-', ''), name],
    ])
    .reduce((text, [value = '', name]) => text.replaceAll(value, `<${name}>`), text)
  const rest = said
    .replace(/er_\w+/g, '<key>')
    .replace(/[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}/g, '<id>')
    .replace(/"[0-9A-Za-z]{12}"/g, '"<id>"')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z|\b\d{13}\b/g, '<time>')
    .replace(/"(run_name|upload_id|value)":"[^"]*"|upload_id=[^"&]*/g, '…')
    // What he wrote and deleted himself, at a path of the same name.
    .replace(/"subject":"[^"]*\/artifacts\/[^"]*"/g, '…')
    .replace(/expires=\d+|signature=[\w-]+/g, '…')
  return { status, rest }
}

describe.each([
  ['of the first workspace, asked for from another', () => ({ owner: first, stranger: second })],
  ['of another workspace, asked for from the first', () => ({ owner: second, stranger: first })],
])('what is %s', (_, tenants) => {
  it.each(CLOSED)('%s answers as if it were not there, and leaves it as it is', async (route) => {
    const { owner, stranger } = tenants()
    const nobodys = ghost()
    const expected = plain(await send(route, nobodys, stranger.admin), nobodys)
    const state = async () => [
      await fingerprint(tracker, owner.workspace),
      await filesOf(tracker, owner.fixture, owner.workspace),
    ]
    const before = await state()
    forget(stranger.admin.id)
    expect(plain(await send(route, owner.fixture, stranger.admin), owner.fixture)).toEqual(expected)
    expect(plain(await send(route, owner.fixture, stranger.admin), owner.fixture)).toEqual(expected)
    expect(await state()).toEqual(before)
    if (/:(id|model_id)\b/.test(route)) expect(expected.status).toBe(404)
  })
})
