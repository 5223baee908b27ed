import { expect } from 'chai'
import {
  checkTarget,
  isPublicAddress,
  lookUpPublic,
  parseTargetPolicy,
} from '../../../../services/evidence/notices/webhook-targets.ts'
import { expectError } from '../../../support/expect-error.ts'

describe('where webhooks may be pointed', () => {
  it('tells addresses of the open internet from all others', () => {
    for (const open of [
      '1.1.1.1',
      '8.8.8.8',
      '172.15.0.1',
      '172.32.0.1',
      '100.63.0.1',
      '2606:4700::1111',
      '2a00::1',
    ])
      expect(isPublicAddress(open), open).to.equal(true)
    const closed = [
      ...[
        '127.0.0.1',
        '0.0.0.0',
        '10.1.2.3',
        '172.16.0.1',
        '172.31.255.255',
        '192.168.1.1',
        '169.254.169.254',
      ],
      ...[
        '100.64.0.1',
        '198.18.0.1',
        '224.0.0.1',
        '255.255.255.255',
        '192.0.2.1',
        '::',
        '::1',
        'fe80::1',
        'fc00::1',
      ],
      ...[
        '::ffff:127.0.0.1',
        '::ffff:8.8.8.8',
        '64:ff9b::7f00:1',
        '2002:7f00:1::',
        '2001::1',
        '2001:db8::1',
        'ff02::1',
      ],
      ...['', 'localhost', '1.1.1', '1.1.1.1.1'],
    ]
    for (const address of closed) expect(isPublicAddress(address), address).to.equal(false)
  })

  it('takes https to the open internet by default, whatever the spelling of the address', () => {
    const policy = parseTargetPolicy('*')
    for (const url of ['https://hooks.example/x', 'https://1.1.1.1:8443/', 'https://[2606:4700::1111]/'])
      expect(checkTarget(url, policy).protocol).to.equal('https:')
    for (const url of [
      ...[
        'http://hooks.example/',
        'https://127.0.0.1/',
        'https://[::1]/',
        'https://10.0.0.1:443/',
        'https://0/',
      ],
      ...['https://2130706433/', 'https://0x7f.1/', 'https://127.1/', 'https://[::ffff:127.0.0.1]/'],
      ...[
        'https://user:word@hooks.example/',
        'ftp://hooks.example/',
        'file:///etc/passwd',
        'hooks.example',
        '',
      ],
    ])
      expectError(() => checkTarget(url, policy), 'WEBHOOK_URL_INVALID')
  })

  it('takes only what is listed where the operator leaves out the rest', () => {
    const policy = parseTargetPolicy(' 127.0.0.1:9000, Hooks.Internal ')
    for (const url of ['http://127.0.0.1:9000/x', 'https://hooks.internal/', 'http://hooks.internal:81/'])
      expect(checkTarget(url, policy).href).to.be.a('string')
    for (const url of [
      'http://127.0.0.1:9001/',
      'http://127.0.0.1/',
      'https://hooks.example/',
      'https://x.hooks.internal/',
    ])
      expectError(() => checkTarget(url, policy), 'WEBHOOK_URL_INVALID')
    expectError(() => checkTarget('https://hooks.example/', parseTargetPolicy('')), 'WEBHOOK_URL_INVALID')
  })

  it('does not resolve a name to an address that is not of the open internet', async () => {
    const resolved = await new Promise<NodeJS.ErrnoException | null>((resolve) =>
      lookUpPublic('localhost', {}, (error) => resolve(error)),
    )
    expect(resolved?.code).to.equal('ENOTPUBLIC')
  })
})
