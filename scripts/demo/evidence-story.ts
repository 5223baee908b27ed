import { readFileSync } from 'node:fs'
import type { LocalNetwork } from '../network/local-network.ts'
import { EvidenceScene, SAMPLE_DOCUMENTS } from './evidence-scene.ts'
import { documentOf } from './run-script.ts'
import type { Story } from './story.ts'
import { verifyFile, withOneByteChanged } from './verify-file.ts'

/** Of the sample. */
const DOCUMENTS = 5
const HANDOVER = 'handover.pdf'
const LEASE = 'lease.md'
const PLAN = 'floor-plan.svg'
const METERS = 'meter-readings.json'
const REASON = 'superseded by the lease of 2027'

/** Plays what a client of an evidence server, a holder of a credential and somebody at the server's disk do. Rechecks have to follow one another quickly. */
export async function playEvidenceStory(network: LocalNetwork, story: Story): Promise<void> {
  const scene = new EvidenceScene(network)
  try {
    await playStoring(scene, story)
    await playHolder(scene, story)
    await playTampering(scene, story)
    await playEnds(scene, story)
  } finally {
    await scene.close()
  }
}

async function playStoring(scene: EvidenceScene, story: Story): Promise<void> {
  const notarize = async () => {
    const ended = await scene.clientScript('notarize', SAMPLE_DOCUMENTS, '--out', scene.credentials)
    const { stored, known, pending } = documentOf<Record<'stored' | 'known' | 'pending', number>>(ended)
    return { exitCode: ended.exitCode, stored, known, pending }
  }
  await story.step(
    'a client hands in a folder of documents: each has a credential, on chain',
    { exitCode: 0, stored: DOCUMENTS, known: 0, pending: 0 },
    notarize,
  )
  await story.step(
    'the same folder again: nothing is stored twice',
    { exitCode: 0, stored: 0, known: DOCUMENTS, pending: 0 },
    notarize,
  )
  await story.step(
    'the server reads all of it again, and the chain is asked: intact',
    { exitCode: 0, verdicts: { intact: DOCUMENTS } },
    async () => {
      const ended = await scene.clientScript('verify', scene.credentials)
      return { exitCode: ended.exitCode, verdicts: documentOf<{ verdicts: unknown }>(ended).verdicts }
    },
  )
}

async function playHolder(scene: EvidenceScene, story: Story): Promise<void> {
  await story.step('a holder with file and credential asks nodes alone', 'intact', () =>
    scene.holderVerdict(HANDOVER, HANDOVER),
  )
  await story.step('with another file in its place', 'tampered', () => scene.holderVerdict(HANDOVER, LEASE))
  await story.step('the credential with one byte changed is refused', 2, async () => {
    const altered = withOneByteChanged(readFileSync(scene.credentialFile(HANDOVER), 'utf8'))
    return verifyFile(altered, '--offline').exitCode
  })
}

async function playTampering(scene: EvidenceScene, story: Story): Promise<void> {
  await story.step(
    "tampering: one byte of a document altered on the server's disk; the recheck tells it unasked",
    'tampered',
    () => {
      scene.alterStored(HANDOVER)
      return scene.untilTold(HANDOVER, 'tampered')
    },
  )
  await story.step('and so says who verifies it, of that document alone', both('tampered', 'intact'), () =>
    scene.verdicts(HANDOVER, LEASE),
  )
  await story.step('the byte is put back', both('intact', 'intact'), () => {
    scene.alterStored(HANDOVER)
    return scene.verdicts(HANDOVER, LEASE)
  })
}

const both = (handover: string, lease: string): string[] => [`${HANDOVER}: ${handover}`, `${LEASE}: ${lease}`]

async function playEnds(scene: EvidenceScene, story: Story): Promise<void> {
  await story.step(
    'a credential is revoked, with its reason on the chain',
    { exitCode: 0, state: 'recorded' },
    async () => {
      const ended = await scene.clientScript('revoke', scene.credentialFile(LEASE), '--reason', REASON)
      return { exitCode: ended.exitCode, state: documentOf<{ state: string }>(ended).state }
    },
  )
  await story.step('verified, it is revoked; the others are what they were', both('intact', 'revoked'), () =>
    scene.verdicts(HANDOVER, LEASE),
  )
  await story.step('its holder sees it without the server', 'revoked', () =>
    scene.holderVerdict(LEASE, LEASE),
  )
  await story.step('and the indexer shows it to everybody', 'revoked', () =>
    scene.untilIndexedAs(LEASE, 'revoked'),
  )
  await story.step('a document deleted from the disk', [`${PLAN}: missing`], () => {
    scene.deleteStored(PLAN)
    return scene.verdicts(PLAN)
  })
  await story.step(
    'erasure by request: the digest stays, and nothing is left to compare with',
    [`${METERS}: erased`],
    async () => {
      await scene.clientScript('erase-evidence', scene.credentialFile(METERS), '--yes')
      return scene.verdicts(METERS)
    },
  )
}
