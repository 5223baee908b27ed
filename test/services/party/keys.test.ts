import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { encryptKeystoreJsonSync, HDNodeWallet, Wallet } from 'ethers'
import { randomBytes32 } from '../../../protocol/hex.ts'
import { addressOf } from '../../../protocol/signature.ts'
import { loadKey } from '../../../services/party/keys.ts'
import { expectRejection } from '../../support/expect-error.ts'

const MNEMONIC = 'test test test test test test test test test test test junk'
const developmentKey = (index: number) =>
  HDNodeWallet.fromPhrase(MNEMONIC, undefined, `m/44'/60'/0'/0/${index}`).privateKey

describe('a party key', () => {
  it('comes from a private key', async () => {
    const privateKey = randomBytes32()
    expect(await loadKey({ privateKey, chainIds: [1] })).to.deep.equal({
      privateKey,
      address: addressOf(privateKey),
    })
    expect((await loadKey({ privateKey: privateKey.slice(2), chainIds: [1] })).privateKey).to.equal(
      privateKey,
    )
  })

  it('comes from an encrypted keystore', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'keys-'))
    try {
      const wallet = Wallet.createRandom()
      const keystoreFile = join(folder, 'key.json')
      writeFileSync(
        keystoreFile,
        encryptKeystoreJsonSync({ address: wallet.address, privateKey: wallet.privateKey }, 'open sesame', {
          scrypt: { N: 1024 },
        }),
      )
      const load = (keystorePassword?: string) => loadKey({ keystoreFile, keystorePassword, chainIds: [1] })
      expect((await load('open sesame')).address).to.equal(wallet.address)
      const error = await expectRejection(load('wrong'), 'KEY_UNUSABLE')
      expect(JSON.stringify(error)).to.not.include('wrong')
      await expectRejection(load(), 'KEY_UNUSABLE')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('is refused when it is published with development chains, but on a local chain', async () => {
    for (const index of [0, 39]) {
      const privateKey = developmentKey(index)
      await loadKey({ privateKey, chainIds: [31_337, 31_346] })
      for (const chainId of [1, 31_336, 31_347])
        await expectRejection(
          loadKey({ privateKey, chainIds: [31_337, chainId] }),
          'KEY_FOR_DEVELOPMENT_ONLY',
        )
    }
    await loadKey({ privateKey: developmentKey(40), chainIds: [1] })
  })

  it('is one, and in range', async () => {
    const chainIds = [1]
    await expectRejection(loadKey({ chainIds }), 'KEY_UNUSABLE')
    await expectRejection(loadKey({ privateKey: '0x12', chainIds }), 'KEY_UNUSABLE')
    await expectRejection(loadKey({ privateKey: `0x${'00'.repeat(32)}`, chainIds }), 'KEY_UNUSABLE')
    await expectRejection(
      loadKey({ privateKey: randomBytes32(), keystoreFile: 'x', chainIds }),
      'KEY_UNUSABLE',
    )
  })
})
