// What other projects may build on. Inside this one, import the file itself.
export { type AddressBook, parseAddressBook } from './address-book.ts'
export { type AnswerStatement, isAnswerStatementSigned, signAnswerStatement } from './answer-statement.ts'
export {
  AUDIT_REPORT_MEDIA_TYPE,
  type AuditFindings,
  type AuditReport,
  assembleAuditReport,
  parseAuditReport,
  serializeAuditReport,
  verifyAuditReport,
} from './audit-report.ts'
export { type AuditStatement, isAuditStatementSigned, signAuditStatement } from './audit-statement.ts'
export { canonicalBytes, canonicalJson, type Json, parseJson } from './canonical-json.ts'
export { type ChainReader, confirmAuditReport, confirmReceipt } from './chain-confirmation.ts'
export { contentHashOf } from './content-hash.ts'
export { type ContentHasher, contentHasher, evidenceContentHash } from './credentials/content-hasher.ts'
export { CREDENTIAL_CONTEXT, VC_CONTEXT } from './credentials/credential-context.ts'
export {
  ANCHORED_TOPIC,
  CREDENTIAL_EXPIRY_SET_TOPIC,
  CREDENTIAL_ISSUED_TOPIC,
  CREDENTIAL_REVOKED_TOPIC,
  CREDENTIAL_TIERS,
  type CredentialTier,
  PUBLISHED_TOPIC,
} from './credentials/credential-event.ts'
export {
  CREDENTIAL_ENTRY_KINDS,
  type CredentialEntryKind,
  credentialKey,
  expiryEntry,
  expiryKey,
  issueEntry,
  newCredentialId,
  readCredentialKey,
  reasonHashOf,
  revocationEntry,
  revocationKey,
} from './credentials/credential-key.ts'
export {
  type CredentialVerification,
  type RecordedCredential,
  verifyCredential,
} from './credentials/credential-verification.ts'
export {
  CREDENTIAL_FILE_EXTENSION,
  CREDENTIAL_MEDIA_TYPE,
  type CredentialContent,
  checkCredentialPlace,
  type EvidenceCredential,
  type IssuerProof,
  issueCredential,
  parseCredential,
  type ReadCredential,
  type RecordReceipt,
  readCredential,
  serializeCredential,
  withRecordReceipt,
} from './credentials/evidence-credential.ts'
export { type EvidenceDigestInput, evidenceDigest } from './credentials/evidence-digest.ts'
export {
  checkEvidenceMetadata,
  type EvidenceMetadata,
  expiresAtOf,
  MAX_METADATA_BYTES,
  metadataHashOf,
} from './credentials/evidence-metadata.ts'
export {
  assembleEvidenceStatement,
  EVIDENCE_STATEMENT_MEDIA_TYPE,
  type EvidenceStatement,
  type EvidenceStatementContent,
  type EvidenceStatementVerification,
  parseEvidenceStatement,
  serializeEvidenceStatement,
  verifyEvidenceStatement,
} from './credentials/evidence-statement.ts'
export {
  type DerivedEvidenceVerdict,
  deriveEvidenceVerdict,
  EVIDENCE_VERDICTS,
  type EvidenceVerdict,
  type KeptEvidence,
  type VerdictEvidence,
} from './credentials/evidence-verdict.ts'
export { issuerDid, readIssuerDid } from './credentials/issuer-did.ts'
export { checkRevocationReason, MAX_REASON_BYTES } from './credentials/revocation-reason.ts'
export { checkCredentialDocument, checkPresentationDocument } from './credentials/vc-data-model.ts'
export { foldDirectoryLog, foldDirectoryLogs, type LogContent } from './directory-head.ts'
export { ERROR_CATALOGUE } from './error-catalogue.ts'
export { CountersignError, type ErrorCode, type Problem, toProblem } from './errors.ts'
export { buildEventProof, createEventProver, type EventProof, verifyEventProof } from './event-proof.ts'
export { type Address, type Bytes32, bytesToHex, type Hex, hexToBytes, keccak256, toAddress } from './hex.ts'
export { type Amount, type AmountConfirmation, confirmAmount } from './payments/amount-confirmation.ts'
export { CURRENCIES, minorDigitsOf } from './payments/currency.ts'
export { formatLookupCode, type LookupCode, newLookupCode, readLookupCode } from './payments/lookup-code.ts'
export { deriveLookupCode } from './payments/lookup-code-derivation.ts'
export { toDecimal, toMinorUnits } from './payments/minor-units.ts'
export { canBeCorrected, netAmount } from './payments/net-amount.ts'
export { checkOrderId, MAX_ORDER_ID_BYTES, orderKeyOf, readOrderId } from './payments/order-id.ts'
export {
  createPaymentChainReader,
  type PaymentChainReader,
  type RpcRequest,
} from './payments/payment-chain-reader.ts'
export { NO_PREVIOUS_DIGEST, PUBLIC_SALT, paymentDigest } from './payments/payment-digest.ts'
export {
  entryDigestOf,
  MAX_PAYLOAD_BYTES,
  MAX_VERSION,
  type PaymentOnChain,
  paymentEntry,
  paymentEntryDigest,
  paymentKey,
} from './payments/payment-entry.ts'
export {
  decodePaymentEvent,
  PAYMENT_RECORDED_TOPIC,
  PAYMENT_TIERS,
  PAYMENTS_PUBLISHED_TOPIC,
  type PaymentEvent,
  type PaymentTier,
} from './payments/payment-event.ts'
export {
  type DecodedPayload,
  decodePayload,
  encodePublicPayload,
  VISIBILITIES,
  type Visibility,
} from './payments/payment-payload.ts'
export type { PaymentPlace } from './payments/payment-place.ts'
export { packPayments, unpackPayments } from './payments/payment-publication.ts'
export {
  checkPaymentRecord,
  PAYMENT_KINDS,
  type PaymentContent,
  type PaymentKind,
  type PaymentRecord,
} from './payments/payment-record.ts'
export {
  openPayment,
  paymentSalt,
  type RecordedPayment,
  type SealedPayment,
  sealPayment,
} from './payments/payment-seal.ts'
export {
  createVoucher,
  decodeVoucher,
  encodeVoucher,
  MAX_VOUCHER_CHARACTERS,
  type PaymentPosition,
  type PaymentVoucher,
} from './payments/payment-voucher.ts'
export { readPublicPayment, writePublicPayment } from './payments/public-payment.ts'
export {
  checkVoucher,
  type VoucherCheck,
  type VoucherCheckOptions,
  type VoucherVerdict,
  voucherDigests,
} from './payments/voucher-check.ts'
export { queryResultDigest } from './query-result.ts'
export {
  assembleReceipt,
  parseReceipt,
  RECEIPT_MEDIA_TYPE,
  type Receipt,
  serializeReceipt,
  verifyReceipt,
} from './receipt.ts'
export {
  batchHash,
  digestSlot,
  EMPTY_HEAD,
  type Entry,
  foldAnchor,
  foldPublication,
  foldRecord,
  foldRecords,
  headSlot,
  merkleProofOf,
  merkleRootOf,
  recordBatchDigest,
  verifyMerkleProof,
} from './record-book.ts'
export { PARTICIPANT_STATUSES, type ParticipantStatus, ROLES, type Role, roleMask, rolesOf } from './roles.ts'
export { deriveSalt } from './salt.ts'
export { boundAltered, type SampleBound, type SampleOutcome, selectSample } from './sampling.ts'
export { keyToSerial, newSerial, parseSerial, type Serial, serialTime, serialToKey } from './serial.ts'
export { addressOf, recoverSigner, signHash } from './signature.ts'
export { signRequest, verifyRequest } from './signed-request.ts'
export { buildStorageProof, type StorageProof, verifyStorageProof } from './storage-proof.ts'
export { secondsOfUtcTime, utcTime } from './utc-time.ts'
export { type AuditEvidence, deriveVerdict, VERDICTS, type Verdict } from './verdict.ts'
export type { Check } from './verification.ts'
