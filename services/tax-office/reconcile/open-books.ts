import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { getChain, getContract } from '../../../protocol/address-book.ts'
import { CountersignError } from '../../../protocol/errors.ts'
import { readAddressBook } from '../../party/address-book-file.ts'
import { findOutboxOwner, type OutboxOwner } from '../../party/book-writer/outbox-owner.ts'
import { genesisOfOutbox } from '../../party/known-genesis.ts'
import { connectChain } from '../../party/rpc.ts'
import type { OfficeBooksConfig } from '../config.ts'
import { OfficeSecrets } from '../office-secrets.ts'
import { AnchorStore } from '../store/anchor-store.ts'
import { PaymentStore } from '../store/payment-store.ts'
import type { ReconcileOptions } from './reconcile.ts'

const BUSY_TIMEOUT_MS = 5_000

/**
 * Opens an office's database, read only and beside the running office, and the chain that it records on.
 * @throws FILE_UNREADABLE, CONFIGURATION_INVALID for another secret, CHAIN_UNKNOWN, ADDRESS_BOOK_INVALID
 */
export function openBooks(config: OfficeBooksConfig): ReconcileOptions & { close(): void } {
  const db = openReadOnly(config.TAX_OFFICE_DATABASE)
  try {
    const { chainId, registry, author: office } = ownerOf(db, config.TAX_OFFICE_DATABASE)
    const chain = getChain(readAddressBook(config.COUNTERSIGN_ADDRESS_BOOK), chainId)
    const rpc = connectChain({
      chainId,
      rpcUrls: chain.rpcUrls,
      // Of a chain started afresh everything would be missing.
      genesisHash: genesisOfOutbox(db).find() ?? chain.genesisHash,
      timeoutMs: config.TAX_OFFICE_RPC_TIMEOUT_MS,
    })
    const secrets = new OfficeSecrets(config.TAX_OFFICE_SECRET, office)
    const payments = new PaymentStore(db)
    payments.requireSecret(secrets.check())
    const tier = db.prepare('SELECT tier FROM office').get()?.tier
    const entryOf = db.prepare('SELECT state, block_number FROM outbox_entries WHERE entry_key = ?')
    return {
      rpc,
      place: { chainId, registry, office },
      startBlock: getContract(chain, 'PaymentRecordRegistry').startBlock,
      keepsSlots: tier === 'record',
      payments,
      // The office may not know yet that what it sent is mined.
      anchors: new AnchorStore(db, ['open']),
      secrets,
      isOnItsWay: (entryKey, block) => {
        const { state, block_number: recordedAt } = entryOf.get(entryKey) ?? {}
        return (
          state === 'pending' || state === 'submitted' || (recordedAt != null && Number(recordedAt) > block)
        )
      },
      close: () => {
        rpc.destroy()
        db.close()
      },
    }
  } catch (error) {
    db.close()
    throw error
  }
}

function openReadOnly(file: string): DatabaseSync {
  if (!existsSync(file)) throw new CountersignError('FILE_UNREADABLE', `there is no database at ${file}`)
  return new DatabaseSync(file, { readOnly: true, timeout: BUSY_TIMEOUT_MS })
}

function ownerOf(db: DatabaseSync, file: string): OutboxOwner {
  try {
    const owner = findOutboxOwner(db)
    if (owner !== undefined) return owner
  } catch {
    // No such table: the database is something else's.
  }
  throw new CountersignError(
    'FILE_UNREADABLE',
    `${file} is not the database of a tax office that was started`,
  )
}
