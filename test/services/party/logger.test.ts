import { expect } from 'chai'
import { createLogger } from '../../../services/party/logger.ts'

describe('the log', () => {
  it('leaves out what must not be in it, should it ever be handed over', () => {
    let written = ''
    const logger = createLogger('test', 'info', { write: (line: string) => (written += line) })
    logger.info(
      { subject: 'Erika', query: { subject: 'Erika' }, request: { body: 'Erika' }, serial: 'S' },
      'said',
    )
    expect(written).to.not.include('Erika')
    expect(JSON.parse(written)).to.include({ name: 'test', serial: 'S', msg: 'said' })
  })
})
