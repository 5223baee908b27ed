/** Texts of the page that verifies evidence. */
export const evidenceEn = {
  'evidence.title': 'Verify a file and its credential',
  'evidence.lead':
    'Your file is read in this browser and sent to nobody. Nodes of the chain are asked about the credential alone.',
  'evidence.file': 'File',
  'evidence.credential': 'Credential',
  'evidence.fileHint': 'The document itself. Drop it here, or choose it.',
  'evidence.credentialHint': 'The file that ends in .credential.json. Drop it here, or choose it.',
  'evidence.chooseFile': 'Choose the file',
  'evidence.chooseCredential': 'Choose the credential',
  'evidence.reading': 'Reading the file: {percent} %',
  'evidence.hashed': 'Read in full.',
  'evidence.cancel': 'Stop reading',
  'evidence.cancelled': 'Stopped. The file was not read in full and not checked.',
  'evidence.unreadable': 'The file cannot be read. It may have changed meanwhile, or be a folder.',
  'evidence.oneFile': 'One file and one credential at a time, please.',
  'evidence.fileReady': 'The file was read. Its credential is needed, too.',
  'evidence.clear': 'Clear',
  'evidence.checking': 'Checking, and asking the chain…',

  'evidence.said': 'What the credential says',
  'evidence.name': 'Name',
  'evidence.mediaType': 'Kind',
  'evidence.size': 'Size',
  'evidence.fields': 'Added by whoever handed it in, under names of their own',
  'evidence.issuer': 'Issuer',
  'evidence.id': 'Credential id',
  'evidence.validFrom': 'Valid from',
  'evidence.validUntil': 'Valid until',
  'evidence.recordedAt': 'On the chain since',
  'evidence.recordBy': 'On the chain by',
  'evidence.reason': 'Reason given by the issuer: {reason}',
  'evidence.noReason': 'No node asked has an event that gives the reason.',
  'evidence.promiseBroken': 'The issuer had promised to record it by {time}.',

  'evidence.step.document.passed': 'The credential is whole and of the form of a W3C Verifiable Credential.',
  'evidence.step.document.failed': 'The credential was altered, or is not of the form it must have.',
  'evidence.step.digest.passed': 'Content hash, metadata and salt give the digest in the credential.',
  'evidence.step.digest.failed': 'Content hash, metadata and salt do not give the digest in the credential.',
  'evidence.step.signature.passed': 'The account named as issuer signed it.',
  'evidence.step.signature.failed': 'The account named as issuer did not sign it.',
  'evidence.step.record.passed': 'Its receipt proves that a block has the record.',
  'evidence.step.record.failed': 'Its receipt does not prove the record.',
  'evidence.step.record.not-checked': 'The receipt: the credential is pending and has none yet.',
  'evidence.step.content.passed': 'The file is the one that the credential was issued for, byte by byte.',
  'evidence.step.content.failed': 'The file is not the one that the credential was issued for.',
  'evidence.step.content.not-checked': 'The file was not checked.',
  'evidence.step.issuer.passed': 'The directory on the chain names the account as an issuer of credentials.',
  'evidence.step.issuer.failed':
    'The directory on the chain does not name the account as an issuer of credentials.',
  'evidence.step.known-registry.passed': 'The registry is the issuer’s, or that of this installation.',
  'evidence.step.known-registry.failed':
    'The registry is neither the issuer’s nor that of this installation.',
  'evidence.step.registry.passed': 'The registry on the chain holds exactly this credential.',
  'evidence.step.registry.slotless':
    'The registry holds nothing else in its place; such credentials are recorded in an event.',
  'evidence.step.registry.pending': 'The registry on the chain does not hold this credential yet.',
  'evidence.step.registry.failed': 'The registry on the chain does not hold this credential.',
  'evidence.step.block.passed': 'The block that the receipt names is part of the chain.',
  'evidence.step.block.failed': 'The block that the receipt names is not part of the chain.',
  'evidence.step.block.not-checked': 'The block of the record: the credential is pending and names none.',
  'evidence.step.finality.passed': 'The record is final.',
  'evidence.step.finality.pending': 'The record is not final yet; it may still be taken back.',
  'evidence.step.issuer-status.passed': 'The issuer was active at the time.',
  'evidence.step.issuer-status.failed': 'The issuer was not active at the time.',
  'evidence.step.revocation.passed': 'The issuer has not revoked it.',
  'evidence.step.revocation.failed': 'The issuer has revoked it.',
  'evidence.step.expiry.passed': 'It has not expired.',
  'evidence.step.expiry.failed': 'It has expired.',

  'evidence.notChecked.content': 'Whether what the file says is true: only that it is unchanged.',
  'evidence.notChecked.slotless':
    'Whether the issuer recorded something else under this id before: such records leave no trace to ask a node for.',
  'evidence.notChecked.pendingSlotless':
    'Whether it was published or anchored by now: for that the issuer gives a credential with a receipt.',

  'evidence.intact.title': 'Intact',
  'evidence.intact':
    'This is exactly the file that {issuer} issued the credential for. It is recorded on the chain, not revoked and not expired.',
  'evidence.otherFile.title': 'Tampered',
  'evidence.otherFile':
    'This is not the file that the credential was issued for: it was changed, be it by a single byte, or is another one.',
  'evidence.otherRecord.title': 'Tampered',
  'evidence.otherRecord': 'The chain has something else recorded under this credential. Do not accept it.',
  'evidence.revoked.title': 'Revoked',
  'evidence.revoked': '{issuer} has taken this credential back.',
  'evidence.expired.title': 'Expired',
  'evidence.expired': 'The credential was valid until {time}.',
  'evidence.pending.title': 'Not on the chain yet',
  'evidence.pending':
    'The credential is signed by {issuer}, but the chain does not have it yet. Verify again later.',
  'evidence.notFinal.title': 'Recorded, not final yet',
  'evidence.notFinal':
    'Everything agrees, but the record may still be taken back. Verify again in some minutes.',
  'evidence.oldHead.title': 'Recorded; whether it still holds is not known',
  'evidence.oldHead':
    'Everything agrees, but the newest block shown is more than ten minutes old: had {issuer} revoked it since, nobody asked would know. Check this device’s clock, ask another node, or verify again later.',
  'evidence.otherChain.title': 'The chain does not have this record',
  'evidence.otherChain':
    'The block that the receipt names is not part of the chain. Ask {issuer} for the credential anew.',
  'evidence.invalid.title': 'This credential is not genuine',
  'evidence.invalid':
    'It was altered, or made up. It proves nothing about any file; the chain was not asked.',
  'evidence.malformed.title': 'This is no credential',
  'evidence.malformed': 'It is not a credential file that this page can read. Was the wrong file chosen?',
  'evidence.unknownIssuer.title': 'Not from a known issuer',
  'evidence.unknownIssuer':
    'The directory does not name the account as an issuer of credentials. Anybody can sign a credential: do not rely on this one.',
  'evidence.unknownRegistry.title': 'Not in a known registry',
  'evidence.unknownRegistry':
    'The credential names a registry that is neither the issuer’s nor known here. Do not rely on it.',
  'evidence.notActive.title': 'Issued while the issuer was not active',
  'evidence.notActive':
    'Everything agrees, but {issuer} was suspended or retired when it recorded the credential.',
  'evidence.noFile.title': 'The credential holds; the file was not checked',
  'evidence.noFile': 'Add the file to learn whether it is the one that {issuer} issued the credential for.',
  'evidence.none': 'Nothing was found out beyond what is listed below.',

  'own.credentialRegistry': 'Registry of credentials on chain {chain}',
} as const
