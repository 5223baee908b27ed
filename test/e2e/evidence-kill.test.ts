import { killEvidenceServer } from '../chaos/evidence-kills.ts'

const KILLS = Number(process.env.EVIDENCE_KILL_TEST_KILLS ?? 4)
const SEED = process.env.EVIDENCE_KILL_TEST_SEED ?? String(Date.now())

describe(`kill -9 of an evidence server, ${KILLS} times during uploads (seed ${SEED})`, function () {
  this.timeout(60_000 + KILLS * 30_000)

  it('loses nothing that it acknowledged, keeps no orphan, records nothing twice', async () => {
    await killEvidenceServer(KILLS, SEED)
  })
})
