import { evidenceEn } from './evidence-en.ts'

/** Every text of the pages and of printed vouchers. `{name}` stands for a value. */
export const en = {
  languageName: 'English',

  'pay.title': 'Look up a payment',
  'pay.lead': 'What a tax office recorded of your payment, and the proof that it still says the same.',
  'pay.orderId': 'Order id',
  'pay.orderIdHint': 'As it is printed on the payment slip.',
  'pay.code': 'Lookup code',
  'pay.codeHint': '28 letters and digits. It is used in this page only and sent to nobody.',
  'pay.show': 'Show the record',
  'pay.scan': 'Scan the slip',
  'pay.picture': 'Use a picture of the slip',
  'pay.clear': 'Finish and clear',
  'pay.cleared': 'Cleared. Nothing is kept.',
  'pay.clearedIdle': 'Cleared, as nothing was done for five minutes.',
  'pay.looking': 'Looking up the order…',
  'pay.checking': 'Asking the chain…',
  'pay.found': '{count} version(s) found.',
  'pay.foundOpened': '{count} version(s) found and read.',
  'pay.truncated': 'There are more versions than this page shows.',
  'pay.sealedHint': 'This record is sealed. Give the lookup code from the slip to read it.',

  'scan.title': 'Hold the QR code of the slip in front of the camera',
  'scan.stop': 'Stop the camera',
  'scan.noCamera': 'The camera cannot be used. Type the order id and the code, or use a picture.',
  'scan.noCode': 'There is no QR code to be found in this picture.',
  'scan.otherCode': 'This QR code is not that of a payment slip.',

  'notFound.title': 'Nothing was found under this order id',
  'notFound.lead':
    'Look whether the order id is typed as on the slip. A payment made a moment ago may not be recorded yet.',
  'notFound.proof':
    'This server looked it up in everything that it has of these offices, what they published included. Each head is a fingerprint of all of an office’s records; as this server says, it was equal to the one on the chain at the block named.',
  'notFound.noOffice': 'No tax office is registered that could have recorded it.',
  'notFound.office': 'Office',
  'notFound.entries': 'Records',
  'notFound.block': 'Proven at block',
  'notFound.head': 'Head',
  'step.absence.passed':
    'A node of the chain was asked, too: its registry holds nothing of these {count} office(s) under this order id. Published records cannot be asked for there.',
  'step.absence.not-checked':
    'A node of the chain was asked about {asked} of these {count} offices only: its registry holds nothing of them under this order id. Published records cannot be asked for there.',
  'step.absence.failed':
    'The chain holds a record that this server does not show. Ask again in a moment; if it stays so, the server is behind or withholds it.',
  'notFound.incomplete':
    'The index is being repaired for at least one office: a record may be missing. Ask again later.',

  'history.unregistered':
    'Not a registered tax office. Anybody can record anything under any order id: do not rely on this.',
  'history.askChain': 'Hold these records against the chain',
  'history.registered': 'Registered tax office',
  'history.net': 'What counts now',
  'history.netUnknown': 'Cannot be told, as not all versions can be read.',
  'history.netContradicted':
    'What counts now cannot be told: the chain contradicts what this server shows of this order.',
  'history.afterVersions': 'after {count} version(s)',
  'history.versions': 'All versions',

  'version.title': 'Version {version}',
  'version.category': 'For',
  'version.period': 'Period',
  'version.amount': 'Amount',
  'version.paidAt': 'Paid on',
  'version.authority': 'Collected by',
  'version.payerTag': 'Payer',
  'version.fields': 'Added by the office, under names of its own',
  'version.kind': 'Kind',
  'version.orderId': 'Order id',
  'version.version': 'Version',
  'version.office': 'Office',
  'version.recordedAt': 'On the chain since',
  'version.none': 'none',
  'version.proof': 'How this was checked',

  'kind.payment': 'Payment',
  'kind.correction': 'Correction',
  'kind.reversal': 'Reversal',
  'kind.refund': 'Refund',
  'kind.payment.meaning': 'This amount was paid.',
  'kind.correction.meaning': 'This amount replaces what was said before.',
  'kind.reversal.meaning': 'What was paid is taken back: nothing counts as paid.',
  'kind.refund.meaning': 'This amount was given back.',

  'badge.proven': 'Proven',
  'badge.pending': 'Not final yet',
  'badge.failed': 'Contradiction',
  'badge.flagged': 'With reservations',
  'badge.sealed': 'Sealed',
  'badge.unchecked': 'Not checked with the chain',
  'badge.doesNotCount': 'Does not count',

  'reading.not-opened':
    'This version does not open with this order id and code. Look whether both are from the same slip.',
  'reading.contradicts': 'The content does not have the digest that is recorded. Do not rely on it.',
  'reading.unreadable': 'What is recorded here is no payment record that can be read.',

  'step.content.passed': 'The content has exactly the digest that is recorded.',
  'step.content.failed': 'The content does not have the digest that is recorded.',
  'step.content.not-checked': 'The content is sealed and was not opened.',
  'step.entry.passed': 'Digest and payload together make the entry that the indexer shows.',
  'step.entry.failed': 'Digest and payload do not make the entry that the indexer shows.',
  'step.known-registry.passed': 'It is in the registry of payments of this installation.',
  'step.known-registry.failed': 'It names a registry that this page does not know.',
  'step.known-office.passed': 'The directory on the chain names the account as a tax office.',
  'step.known-office.failed': 'The directory on the chain does not name the account as a tax office.',
  'step.registry.passed': 'The registry on the chain holds exactly this record.',
  'step.registry.published': 'It was published in an event; such records take no place in the registry.',
  'step.registry.failed': 'The registry on the chain does not hold this record.',
  'step.event.passed': 'The transaction that recorded it is on the chain and says the same.',
  'step.event.failed': 'The transaction named does not record this.',
  'step.block.passed': 'The transaction is in the block named.',
  'step.block.failed': 'The transaction is not in the block named.',
  'step.finality.passed': 'The block is final.',
  'step.finality.pending': 'The block is not final yet; it may still be taken back.',
  'step.office-status.passed': 'The office was active when it recorded this.',
  'step.office-status.failed': 'The office was not active when it recorded this.',
  'step.completeness.passed': 'The index has all records of this office: its head is that of the chain.',
  'step.completeness.failed': 'The index may lack records of this office, such as a later version.',
  'step.first.passed': 'It is the first and only one of this version.',
  'step.first.failed': 'The office recorded this version before: the earlier one counts.',
  'step.first-recorded.failed':
    'This server shows it as recorded a second time, which the registry does not take.',
  'step.latest.passed': 'The registry on the chain holds no later version.',
  'step.latest.failed':
    'The registry on the chain holds a later version, which this server does not show. Ask again in a moment; if it stays so, the server is behind or withholds it.',
  'step.finalized-tag.not-checked':
    'Whether the chain itself calls the block final: the node does not say, so that blocks were counted.',
  'step.head-age.not-checked':
    'Whether anything was recorded of late: the newest block that the node showed is more than ten minutes old.',
  'step.order.passed': 'It follows the version before it.',
  'step.order.failed': 'It was published before the version that it follows.',
  'step.node.not-checked': 'The chain itself was not asked: {reason}',
  'step.indexer.passed': 'The indexer says: in block {block}, final.',
  'step.indexer.pending': 'The indexer says: in block {block}, not final yet.',
  'step.skipped': 'Not checked, as an earlier step failed.',

  'voucher.title': 'Payment voucher',
  'voucher.lead':
    'This voucher carries the record. Whoever scans the code can hold it against the chain, without asking the tax office or this server.',
  'voucher.choose': 'Version on the voucher',
  'voucher.contradicted': 'The chain contradicts this version: there is no voucher of it.',
  'voucher.print': 'Print the voucher',
  'voucher.qr': 'QR code that opens the verification page with this voucher',
  'voucher.page': 'Verification page: {page}',
  'voucher.reader': 'The QR code holds the whole record. Show it only to those who may read it.',
  'voucher.printedAt': 'Printed {time}',
  'voucher.laterVersions':
    'Whether a later version has changed this record is shown when the code is scanned.',
  'voucher.open': 'Open the verification page',

  'verify.title': 'Verify a payment voucher',
  'verify.lead': 'Holds a voucher against the chain itself, asking a node and not the tax office.',
  'verify.none': 'Scan the QR code of a voucher, or paste its link.',
  'verify.link': 'Link or text of the voucher',
  'verify.check': 'Verify',
  'verify.scan': 'Scan the voucher',
  'verify.picture': 'Use a picture of the voucher',
  'verify.again': 'Verify again',
  'verify.working': 'Asking the chain…',
  'verify.malformed.title': 'This is no intact voucher',
  'verify.malformed':
    'A part of it was altered or not read in full. Scan the QR code again; if it stays so, do not accept the voucher.',
  'verify.said': 'What the voucher says',
  'verify.checked': 'What was checked',
  'verify.notChecked': 'What was not checked',
  'verify.notChecked.payer': 'Whether the person who shows the voucher is the payer.',
  'verify.notChecked.node':
    'Whether the node tells the truth. Ask two nodes, or one of your own, to be sure.',
  'verify.notChecked.twoNodes': 'Whether both nodes are wrong in the same way.',
  'verify.notChecked.published':
    'Whether the office had published this version before with other content, or has published a later one: published versions leave no trace to ask a node for.',
  'verify.notChecked.addresses':
    'Whether registry and directory are the right ones: their addresses come with this page.',
  'verify.askedAt': 'Asked at block {block} of chain {chain}, of {time}',
  'verify.nodes': 'Nodes asked: {nodes}',

  'verdict.consistent.title': 'Verified',
  'verdict.consistent': 'The chain holds exactly this record, recorded by {office}.',
  'verdict.published.title': 'Published like this',
  'verdict.published':
    'The chain holds exactly this record, published by {office}. Whether it is the first and the last word on this order cannot be asked of a node.',
  'verdict.superseded.title': 'True, but no longer the last word',
  'verdict.superseded':
    'The chain holds exactly this record, but the office has recorded a later version of the order. Ask for a voucher of that one.',
  'verdict.unconfirmed.title': 'Recorded, not final yet',
  'verdict.unconfirmed':
    'The chain holds exactly this record, but its block may still be taken back. Verify again in some minutes.',
  'verdict.suspended-author.title': 'Recorded by an office that was not active',
  'verdict.suspended-author':
    'The chain holds exactly this record, but the office was suspended or retired when it recorded it.',
  'verdict.changed.title': 'Not what was recorded',
  'verdict.changed': 'The chain holds something else in its place. Do not accept this voucher.',
  'verdict.unrecorded.title': 'Not recorded',
  'verdict.unrecorded': 'The chain holds no such record. Do not accept this voucher.',
  'verdict.unknown-office.title': 'Not from a known tax office',
  'verdict.unknown-office':
    'The voucher names a registry or an account that is not known here. Do not accept this voucher.',
  'verdict.none.title': 'Could not be verified',
  'verdict.none': 'Nothing was found out, neither for the voucher nor against it.',

  'own.title': 'Ask other nodes',
  'own.lead':
    'Nodes and addresses otherwise come from the server of this page. To trust nobody but yourself, give your own: all nodes have to agree, and addresses have to come from somebody you trust.',
  'own.node': 'JSON-RPC endpoint {number}',
  'own.optional': 'may be empty',
  'own.registry': 'Registry of payments on chain {chain}',
  'own.directory': 'Directory of participants on chain {chain}',
  'own.open': 'Use other nodes or addresses',
  'own.malformed':
    'An endpoint has to be an https address, or one of this computer; an address is 0x and 40 digits.',

  'error.LOOKUP_CODE_MISTYPED': 'The lookup code has a typing error. Compare it with the slip.',
  'error.ORDER_ID_MALFORMED':
    'This cannot be an order id: it is empty, too long, has characters that cannot be seen, or is the key of an order.',
  'error.INDEXER_UNREACHABLE': 'The server gives no usable answer. Try again in a moment.',
  'error.RATE_LIMITED': 'Too many requests came from here. Wait a minute.',
  'error.CHAIN_UNREACHABLE':
    'No node of the chain gives an answer. It may be down, or behind: try again in a moment, or ask another.',
  'error.CHAIN_MISMATCH': 'The node is of another chain.',
  'error.CHAIN_UNKNOWN': 'No node of this chain is named to this page.',
  'error.PROOF_UNBUILDABLE':
    'The node does not keep what was asked, or answers what no node of the chain would. Ask another.',
  'error.disagree': 'The nodes contradict each other. Which of them is right cannot be told: ask others.',
  'error.other': 'Something failed that should not have: {code}',

  ...evidenceEn,
} as const

export type TextKey = keyof typeof en
export type Dictionary = Readonly<Record<TextKey, string>>
