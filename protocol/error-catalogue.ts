export interface ErrorRow {
  httpStatus: number
  meaning: string
  remedy: string
  /** True when the same call may succeed later without a change. */
  retryable: boolean
}

const row = (httpStatus: number, meaning: string, remedy: string, retryable = false): ErrorRow => ({
  httpStatus,
  meaning,
  remedy,
  retryable,
})

/** Every error code, declared once. `docs/errors.md` has a row for each; a test compares the two. */
export const ERROR_CATALOGUE = {
  ADDRESS_BOOK_INVALID: row(
    500,
    'The address book is not valid',
    'Run the deploy script again, or correct the named field.',
  ),
  ADDRESS_MALFORMED: row(
    400,
    'Not an Ethereum address',
    'Give 0x and 40 hexadecimal digits, with a right EIP-55 checksum if mixed case.',
  ),
  ADMIN_TOKEN_INVALID: row(
    401,
    'The request has no valid admin token',
    "Send Authorization: Bearer and the token of the indexer's settings.",
  ),
  API_KEY_INVALID: row(
    401,
    'The API key is not valid',
    'Check the key; if it was revoked, ask the operator of the proxy for a new one.',
  ),
  API_KEY_MISSING: row(401, 'The request has no API key', 'Send Authorization: Bearer and the API key.'),
  API_KEY_UNKNOWN: row(
    404,
    'There is no such API key to revoke',
    'List the keys; one that was revoked stays so.',
  ),
  AS_OF_MALFORMED: row(
    400,
    'Not a block or time to answer for',
    'Give <chainId>:<block>, a block where there is one chain, unix seconds, or an ISO 8601 time with its zone.',
  ),
  AS_OF_NOT_INDEXED: row(
    409,
    'The block or time asked for is not indexed yet',
    'Ask again when the standing of the chain has reached it.',
    true,
  ),
  AUDIT_REPORT_INVALID: row(
    422,
    'The audit report does not prove what it says',
    'Do not rely on it; ask the auditor for the original file, or audit again.',
  ),
  AUDIT_REPORT_UNKNOWN: row(404, 'This record was not audited yet', 'Audit it with POST /v1/audits.'),
  BACKUP_EXISTS: row(
    400,
    'There is a file of that name already',
    'Give another name, or move the file away: a backup overwrites nothing.',
  ),
  BACKUP_INVALID: row(
    400,
    'Not a backup of this store',
    'Give a file that `npm run backup` wrote, whole and unaltered.',
  ),
  BATCH_EMPTY: row(400, 'A batch without entries', 'Give at least one entry.'),
  BODY_TOO_LARGE: row(
    413,
    'The request body is too large',
    'Send less at once; the limit is in the OpenAPI document.',
  ),
  BOOK_DECLARATION_INVALID: row(
    500,
    'The declaration of a book is not valid',
    'Correct the member named in the declaration file.',
  ),
  BOOK_FILE_UNUSABLE: row(
    500,
    'A file of a book cannot be loaded',
    'Give the file that the declaration names, with the columns it declares.',
  ),
  CAMPAIGN_POPULATION_UNUSABLE: row(
    422,
    'No sample can be drawn from these serials',
    'Name a provider and period with answers, or a shorter period.',
  ),
  CAMPAIGN_UNKNOWN: row(
    404,
    'There is no such audit campaign',
    'Give the id that the campaign was answered with.',
  ),
  CHAIN_CONTRADICTS: row(
    422,
    'The chain does not hold what the file says',
    'Ask a second node; if it agrees, do not rely on the file.',
  ),
  CHAIN_MISMATCH: row(
    502,
    'A node answers for another chain',
    'Correct the RPC URL of that chain in the address book. If the chain was started afresh, start the party with an empty database.',
  ),
  CHAIN_REORGANISED_PAST_FINALITY: row(
    503,
    'A chain replaced blocks that counted as final',
    'Find out what happened to the chain. If it is a local chain that was started afresh, begin anew with `npm run indexer -- --reset`; otherwise index it again with a greater finality depth.',
  ),
  CHAIN_REPLACED: row(
    503,
    'The node answers for another chain than the one indexed',
    'If the chain was started afresh, begin anew with `npm run indexer -- --reset`, or index it into a new database; otherwise correct its RPC URL.',
  ),
  CHAIN_RESTARTED_EMPTY: row(
    503,
    'The node has nothing of the chain that is indexed',
    'If it is a local chain that was started afresh, begin anew with `npm run indexer -- --reset`; otherwise wait until the node has synced, or correct its RPC URL.',
    true,
  ),
  CHAIN_UNKNOWN: row(
    500,
    'The address book does not have this chain',
    'Deploy to the chain, or correct the address book.',
  ),
  CHAIN_UNREACHABLE: row(
    503,
    'The chain cannot be asked right now',
    'Check the JSON-RPC endpoint and try again.',
    true,
  ),
  CONFIGURATION_INVALID: row(
    500,
    'The configuration is not valid',
    'Correct the variables and settings named; .env.example describes each.',
  ),
  CONNECTION_UNKNOWN: row(
    400,
    'No server to ask is known',
    'Set COUNTERSIGN_PROXY_URL and COUNTERSIGN_API_KEY, or run npm start in another terminal.',
  ),
  CREDENTIAL_ALREADY_REVOKED: row(
    409,
    'The credential was revoked before',
    'Nothing to do: a revocation stands, with its first reason.',
  ),
  CREDENTIAL_FOREIGN: row(
    422,
    'The credential is of another issuer, chain or registry',
    'Ask the issuer that it names.',
  ),
  CREDENTIAL_INVALID: row(
    422,
    'The document is not a valid credential',
    'Ask for the original file; the named member is wrong or missing.',
  ),
  CREDENTIAL_UNKNOWN: row(
    404,
    'There is no such credential',
    'Check the id; an index names the block and the heads of the issuers at which it found nothing. An anchored credential is found by presenting it.',
  ),
  CURSOR_INVALID: row(
    400,
    'Not a cursor of this list',
    'Give the cursor of the page before, unchanged, with the same filters.',
  ),
  CURSOR_ORPHANED: row(
    409,
    'The chain was reorganised below the block this cursor is bound to',
    'Start the list again, without a cursor.',
  ),
  DATABASE_IN_USE: row(
    500,
    'Another process has this database',
    'Stop the other process, or give this one a database file of its own.',
  ),
  DATABASE_NEWER: row(
    500,
    'A newer program made this database',
    'Start the newer version, or give a new file.',
  ),
  DEPLOYMENT_CONFLICT: row(
    409,
    'The deployment does not fit what stands already',
    'Use another address book, or leave out the option named.',
  ),
  DEPLOYMENT_FAILED: row(
    502,
    'A contract could not be deployed',
    'Read the reason; then run the deploy script again, it goes on where it stopped.',
    true,
  ),
  DEPLOYMENT_STALE: row(
    409,
    'The address book names contracts that are not on that chain',
    'If the chain was started anew, deploy with --reset; if not, check the RPC URL.',
  ),
  DIRECTORY_UNAVAILABLE: row(
    503,
    'The participant directory cannot be read',
    'Try again; if it stays, see to the chain that holds the directory.',
    true,
  ),
  ENTRY_CONFLICT: row(
    409,
    'The chain holds another digest under this key',
    'Find out who else wrote with this key; the entry cannot be recorded any more.',
  ),
  ERASURE_NOT_CONFIRMED: row(
    400,
    'Nothing was erased',
    'Answer yes, or give --yes where nobody can be asked; what is erased cannot be brought back.',
  ),
  EVIDENCE_ERASED: row(
    410,
    'The evidence was erased on request',
    'Nothing to do: content and salt share are destroyed; the digest stays on chain.',
  ),
  EVIDENCE_INCOMPLETE: row(
    400,
    'The content broke off, or is not as long as announced',
    'Send it again, whole; nothing of it was kept.',
  ),
  EVIDENCE_LOST: row(
    500,
    'The content is kept no more as it was handed in',
    'Have it verified: the statement says what became of it. The operator looks for it in a backup.',
  ),
  EVIDENCE_METADATA_INVALID: row(
    422,
    'The metadata is not valid',
    'Correct the member named; the evidence was not taken.',
  ),
  EVIDENCE_NOT_FOUND: row(
    404,
    'There is no such evidence',
    'Check the credential id and the API key: a client sees only its own.',
  ),
  EVIDENCE_QUOTA_EXCEEDED: row(
    429,
    'The quota of this client is used up',
    'Ask the operator for a larger one; GET /v1/usage says what is used.',
  ),
  EVIDENCE_SERVER_UNREACHABLE: row(
    502,
    'No evidence server answers',
    'Start it, or correct COUNTERSIGN_EVIDENCE_URL; what was sent may be sent again.',
    true,
  ),
  EVIDENCE_STORE_FULL: row(
    507,
    'The content store has no room left',
    'Give the store room, then send it again; nothing of it was kept.',
    true,
  ),
  EVIDENCE_STORE_UNAVAILABLE: row(
    503,
    'The content store cannot be used now',
    'Try again; if it stays, see to the disk or the object store. It says nothing about what is kept there.',
    true,
  ),
  EVIDENCE_TOO_LARGE: row(
    413,
    'The content is larger than this server takes',
    'Send a smaller one, or ask the operator to allow more.',
  ),
  FEED_EXPIRED: row(
    410,
    'The feed no longer goes back that far',
    'Read the lists anew, then follow the feed from now; or follow it from the beginning.',
  ),
  FILE_UNREADABLE: row(400, 'The file cannot be read', 'Check the name and its permissions.'),
  FSCK_UNCERTAIN: row(
    503,
    'What the store should have cannot be told',
    'Give the chain another RPC endpoint in the address book, and check again.',
    true,
  ),
  HEADERS_TOO_LARGE: row(431, 'URL and headers are too large', 'Send less; together they may have 16 KiB.'),
  HEX_MALFORMED: row(
    400,
    'Not hexadecimal data',
    'Give 0x and an even number of hexadecimal digits of the length named.',
  ),
  IDEMPOTENCY_KEY_BUSY: row(
    409,
    'The first request with this Idempotency-Key is still running',
    'Wait, then send the same request again.',
    true,
  ),
  IDEMPOTENCY_KEY_MALFORMED: row(400, 'Not an Idempotency-Key', 'Give 1 to 255 printable ASCII characters.'),
  IDEMPOTENCY_KEY_REUSED: row(
    422,
    'This Idempotency-Key was used for another request',
    'Use a new key for each request, and the same only to repeat it.',
  ),
  INDEXER_UNREACHABLE: row(
    502,
    'No indexer gives an answer',
    'Start it, or correct its URL, and ask again.',
    true,
  ),
  INDEX_DATABASE_LOCKED: row(
    500,
    'Another indexer writes to this database',
    'Stop the other one, or give this one a file of its own (INDEXER_DATABASE).',
  ),
  INDEX_DATABASE_NEWER: row(
    500,
    'A newer program made this database',
    'Start the newer version, or give a new file (INDEXER_DATABASE).',
  ),
  INDEX_DATABASE_UNREADABLE: row(
    500,
    'The index cannot be opened',
    'Check that INDEXER_DATABASE names an index of this program and that it may be read and written; a damaged one is restored from a backup, or made anew.',
  ),
  INTERNAL: row(
    500,
    'Something failed that should not have',
    'Try again; if it stays, give the operator the time and the route.',
    true,
  ),
  JSON_MALFORMED: row(400, 'Not JSON', 'Send one well-formed JSON document in UTF-8.'),
  JSON_NOT_CANONICALISABLE: row(
    422,
    'A value has no canonical JSON form (RFC 8785)',
    'Change the value at the named path; send amounts and large integers as strings.',
  ),
  KEY_FOR_DEVELOPMENT_ONLY: row(
    500,
    'A publicly known development key',
    'Make a key of your own; development keys are for local chains only.',
  ),
  KEY_UNUSABLE: row(
    500,
    'The key cannot be used',
    'Give a private key or a keystore file with its password, through the environment.',
  ),
  LOOKUP_CODE_MISTYPED: row(
    400,
    'The lookup code has a typing error',
    'Compare it with the payment slip: 28 characters in 7 groups of 4.',
  ),
  MEDIA_TYPE_UNSUPPORTED: row(
    415,
    'The body has a media type this route does not take',
    'Send application/json.',
  ),
  NOT_READY: row(503, 'The server cannot serve right now', 'Wait and ask again; /readyz says why.', true),
  ORDER_ID_MALFORMED: row(
    400,
    'Not an order id',
    'Give the order id of the payment slip: 1 to 96 bytes of UTF-8 in normal form C, without control characters.',
  ),
  PARTICIPANT_UNKNOWN: row(
    404,
    'The directory has no such participant',
    'Check the address; /v1/participants lists all.',
  ),
  PAYMENT_FILE_INVALID: row(
    422,
    'The file of payments cannot be read',
    'Correct the file or its mapping as named; what was read before was not taken back, and may be sent again.',
  ),
  PAYMENT_INVALID: row(
    422,
    'The payment record is not valid',
    'Correct the member named; the record was not taken.',
  ),
  PAYMENT_MAPPING_INVALID: row(
    422,
    'The mapping of columns to payments is not valid',
    'Correct every place named; docs/payment-mapping.md describes the members.',
  ),
  PAYMENT_NOT_OPENED: row(
    422,
    'The payment record does not open',
    'Check order id and lookup code against the payment slip; a record opens only where its office recorded it.',
  ),
  PAYMENT_ORDER_CONFLICT: row(
    409,
    'This order is recorded with other content',
    'To amend it, name the version that the amendment follows; a new payment needs an order id of its own.',
  ),
  PAYMENT_PAYLOAD_MALFORMED: row(
    422,
    'Not the payload of a payment record',
    'Do not rely on it; ask the office that recorded it.',
  ),
  PAYMENT_PUBLICATION_MALFORMED: row(
    422,
    'Not a packed list of payments',
    'Give each payment a version from 1 and a payload of 1 to 1,024 bytes, and nothing after the last.',
  ),
  PAYMENT_UNKNOWN: row(
    404,
    'There is no such order',
    'Check the order id; an index names the block and the heads of the offices at which it found nothing.',
  ),
  PAYMENT_VERSION_SKIPPED: row(
    409,
    'The version that this amendment follows is not the latest of its order',
    'Ask for the versions of the order, and name the latest one of this office.',
  ),
  PAYMENT_VOUCHER_MALFORMED: row(
    400,
    'Not a payment voucher',
    'Scan or copy the whole address of the voucher again; ask the office for a new one if it stays.',
  ),
  PORT_TAKEN: row(
    500,
    'A port is taken',
    'End what listens there (another instance?), or choose another port by its environment variable.',
  ),
  PROCESS_FAILED: row(
    500,
    'A process of the local network did not start or ended',
    'Read its log; a port may be taken.',
  ),
  PROOF_FILE_ALTERED: row(
    422,
    'The file was altered',
    'Ask for the original file; keep proof files byte for byte.',
  ),
  PROOF_FILE_INVALID: row(
    422,
    'A member of the file has a wrong form',
    'Ask for the original file; the named member is wrong or missing.',
  ),
  PROOF_FILE_MALFORMED: row(
    400,
    'Not a proof file',
    'Give a receipt or audit report file as it was handed out.',
  ),
  PROOF_INVALID: row(
    422,
    'A proof does not prove what it says',
    'Treat what it accompanies as unproven; get the proof anew from the author, or build it from the chain.',
  ),
  PROOF_UNAVAILABLE: row(
    503,
    'The proof cannot be made right now',
    'Try again; a storage proof needs a node that still has the state of the block.',
    true,
  ),
  PROOF_UNBUILDABLE: row(
    502,
    'The answers of a node cannot be made into a proof',
    'Ask another node of that chain, one that serves whole blocks and their receipts.',
    true,
  ),
  PROVIDER_ANSWER_INVALID: row(
    502,
    "The provider's answer is not valid",
    'Do not rely on this provider for this query; tell its operator the reason.',
  ),
  PROVIDER_NOT_ACTIVE: row(
    422,
    'Not an active provider of this query type',
    'Name providers that GET /v1/query-types lists for the type.',
  ),
  PROVIDER_TIMED_OUT: row(
    504,
    'The provider did not answer in time',
    'Ask again later; the other answers stand.',
    true,
  ),
  PROVIDER_UNKNOWN: row(
    404,
    'The provider has no part in this',
    'Name a provider that was asked under this serial.',
  ),
  PROVIDER_UNREACHABLE: row(
    502,
    'The provider cannot be reached',
    'Ask again later; the other answers stand.',
    true,
  ),
  PROXY_UNREACHABLE: row(
    503,
    'The proxy does not answer',
    'Check COUNTERSIGN_PROXY_URL, and that the proxy runs.',
    true,
  ),
  QUERY_INVALID: row(
    422,
    'The query does not fit its type',
    'Correct the members named; GET /v1/query-types has the schemas.',
  ),
  QUERY_TYPE_FILE_INVALID: row(
    500,
    'A query type file is not valid',
    'Correct the file named: type, title and the JSON Schemas of subject, parameters and result.',
  ),
  QUERY_TYPE_UNKNOWN: row(404, 'There is no such query type here', 'Give one of the declared query types.'),
  QUERY_TYPE_UNSERVED: row(
    503,
    'No active provider answers this query type',
    'Ask again later; GET /v1/query-types lists who answers what.',
    true,
  ),
  RATE_LIMITED: row(429, 'Too many requests', 'Wait for the seconds in Retry-After.', true),
  RECEIPT_INVALID: row(
    422,
    'The receipt does not prove what it says',
    'Do not rely on it; ask the provider for the original.',
  ),
  RECEIPT_UNKNOWN: row(
    404,
    'The provider gave no answer under this serial',
    'See what it gave instead with GET /v1/queries/{serial}.',
  ),
  RECORDING_TIMED_OUT: row(
    503,
    'The digest is not confirmed on chain in time',
    'Ask again with a new serial; see to the chain if it stays.',
    true,
  ),
  RECORD_NOT_LOCATED: row(
    502,
    "A record's event cannot be found on its chain",
    'Try again; if it stays, have the address book name a node with all logs.',
    true,
  ),
  RECORD_UNKNOWN: row(
    404,
    'Nothing is recorded under this serial',
    'Check serial and provider; the answer names the block and the heads it was looked up at.',
  ),
  REGISTRY_MISSING: row(
    502,
    'The chain has no registry where the address book says',
    'Wait until the node has synced; correct the address book or the RPC URL, or deploy the contracts.',
    true,
  ),
  REQUEST_EXPIRED: row(
    401,
    'The signed request has expired',
    'Check the clock, sign a new request and send it at once.',
  ),
  REQUEST_INVALID: row(
    400,
    'The request does not fit its schema',
    'Correct the members named; the schema is at /openapi.json.',
  ),
  REQUEST_REPLAYED: row(
    409,
    'A request with this nonce was accepted before',
    'Sign each request with a new nonce.',
  ),
  REQUEST_SENDER_UNKNOWN: row(
    403,
    'The sender may not ask this',
    'Ask with a participant that is active in the directory and has the role named.',
  ),
  REQUEST_SIGNATURE_INVALID: row(
    401,
    'The request signature does not match',
    "Sign method, path, body and recipient as sent, with the sender's key.",
  ),
  REQUEST_SIGNATURE_MISSING: row(401, 'The request is not signed', 'Send the four countersign-… headers.'),
  REQUEST_TIMED_OUT: row(408, 'The request did not arrive in time', 'Send it at once.', true),
  RESET_NOT_CONFIRMED: row(
    400,
    'Nobody agreed to drop what the index has',
    'Answer yes in a terminal, or give --yes.',
  ),
  RESULT_OFF_SCHEMA: row(
    500,
    'A result does not fit its query type',
    'Correct the declaration of the book: its answer has to fit the result schema.',
  ),
  REVOCATION_REASON_INVALID: row(
    422,
    'The reason of a revocation is not valid',
    'Give 1 to 256 bytes of text without control characters; it is public for ever.',
  ),
  ROUTE_UNKNOWN: row(404, 'There is no such route', 'See /docs for the routes.'),
  SALT_SECRET_TOO_SHORT: row(
    500,
    'The salt secret is too short',
    'Use a salt secret of at least 32 random bytes.',
  ),
  SAMPLE_INVALID: row(
    400,
    'The sample does not fit its population',
    'Give a sample of at least one and at most all, and a confidence between 0 and 1.',
  ),
  SCOPE_MISSING: row(403, 'The API key may not do this', 'Use a key with the scope named.'),
  SERIAL_ALREADY_ANSWERED: row(
    409,
    'This serial was answered before',
    'Ask with a new serial; audit the old one.',
  ),
  SERIAL_MALFORMED: row(400, 'Not a serial', 'Give the 26-character ULID that the proxy answered with.'),
  SERIAL_UNKNOWN: row(404, 'Nothing is known of this serial', 'Check the serial and the provider.'),
  SIGNATURE_MALFORMED: row(
    400,
    'Not a recoverable secp256k1 signature',
    'Give 65 bytes r, s, v with low s and v 27 or 28.',
  ),
  SLIP_SECRET_TOO_SHORT: row(
    500,
    'The slip secret is too short',
    'Use a slip secret of at least 32 random bytes.',
  ),
  STORE_CHANGED: row(
    503,
    'The index was changed by somebody else meanwhile',
    'Nothing to do: the indexer reads it again and goes on from there.',
    true,
  ),
  STORE_FULL: row(
    503,
    'The index has no room left',
    'Make room on its disk; the indexer goes on by itself.',
    true,
  ),
  STORE_NOT_EMPTY: row(409, 'The index to fill is not empty', 'Restore into a new database.'),
  STORE_READ_ONLY: row(
    503,
    'The index cannot be written to',
    'Give the writer the right to write; of PostgreSQL, the address of the primary.',
    true,
  ),
  STORE_UNAVAILABLE: row(
    503,
    'The index cannot be reached right now',
    'Try again; if it stays, see to its database.',
    true,
  ),
  STREAMS_EXHAUSTED: row(
    503,
    'As many streams are open as this server has',
    'Connect again later, or to another reader.',
    true,
  ),
  STREAMS_PER_ADDRESS_EXHAUSTED: row(
    429,
    'Too many streams are open from this address',
    'Close one, or ask for several filters in one stream.',
    true,
  ),
  TAX_OFFICE_UNREACHABLE: row(
    502,
    'No tax office server answers',
    'Start it, or correct COUNTERSIGN_TAX_OFFICE_URL; what was sent may be sent again.',
    true,
  ),
  TRANSACTION_UNCONFIRMED: row(
    504,
    'A transaction was sent, and is not in a block yet',
    'Look the transaction up on its chain. Once it is in a block, or the chain has dropped it, run the same command again.',
    true,
  ),
  TYPED_DATA_INVALID: row(400, 'The value does not fit its EIP-712 type', 'Correct the named member.'),
  WEBHOOKS_EXHAUSTED: row(
    409,
    'There are as many webhooks as the indexer keeps',
    'Delete one that is not used.',
  ),
  WEBHOOK_DELIVERY_UNKNOWN: row(
    404,
    'The webhook has no such dead letter',
    'List its dead letters; one that was sent again is no longer there.',
  ),
  WEBHOOK_UNKNOWN: row(404, 'There is no such webhook', 'List the webhooks.'),
  WEBHOOK_URL_INVALID: row(
    400,
    'Not an address a webhook can be sent to',
    'Give an http or https URL without user name and password.',
  ),
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof ERROR_CATALOGUE
