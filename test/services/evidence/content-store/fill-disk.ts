import { randomUUID } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { DiskStore } from '../../../../services/evidence/content-store/disk-store.ts'
import { Staging } from '../../../../services/evidence/content-store/staging.ts'

// Run in a mount namespace of its own: the folder given is a file system of one MiB.
const mount = process.argv[2]!
const bytes = (): Readable => Readable.from([Buffer.alloc(600_000, 1), Buffer.alloc(600_000, 2)])
const codeOf = (error: { code?: string }): string => error.code ?? String(error)

const store = await DiskStore.open(join(mount, 'store'))
await store.identify(randomUUID())
const small = await Staging.open(join(mount, 'staging'))
const full = await small.receive(bytes(), { maxBytes: 2_000_000 }).then(() => 'taken', codeOf)
// From another file system: what cannot be renamed is copied.
const large = await Staging.open(join(tmpdir(), `countersign-fill-${process.pid}`))
const staged = await large.receive(bytes(), { maxBytes: 2_000_000 })
const refused = await store.put(staged).then(() => 'taken', codeOf)
await staged.discard()
await large.sweep()
const left = [
  'staging',
  'store/incoming',
  ...readdirSync(join(mount, 'store/objects')).map((name) => `store/objects/${name}`),
].flatMap((name) => readdirSync(join(mount, name)))
const identity = (await store.identity()).length === 36
process.stdout.write(JSON.stringify({ staging: full, store: refused, left, identity }))
