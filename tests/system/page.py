# SPDX-License-Identifier: MIT
"""The page in a browser, for page.t: URL, TOKEN, a folder, and where screenshots go. A line of TAP for each check, without the plan."""
import sys

from browser import Browser

url, token, folder, pictures = sys.argv[1:5]
TAB, ENTER, SPACE = '\ue004', '\ue007', ' '
count = 0


def ok(name, value, why=''):
    global count
    count += 1
    print(f'{"ok" if value else "not ok"} {count} - {name}')
    if not value:
        print(f'# {why or value}')


def row(model):
    return f"[...document.querySelectorAll('#models tbody tr')].find(r => r.cells[0].textContent.startsWith('{model}'))"


with Browser(folder) as b:
    b.size(1200, 900)
    b.go(url)
    ok('who shows no token is asked to log in', b.run("return document.activeElement.id == 'secret'"))
    ok('and sees no model', b.run("return document.querySelectorAll('#models tbody tr').length == 0"))
    b.keys('a wrong one' + ENTER)
    ok('a wrong token is told', b.wait("return document.body.innerText.includes('not valid here')"))
    b.keys(token + ENTER)
    ok('the right one lets in', b.wait("return document.getElementById('link').textContent == 'live'"))
    cookie = b.call('GET', '/cookie')[0]
    ok('by a cookie that scripts and other sites do not get', cookie['httpOnly'] and cookie['sameSite'] == 'Strict', cookie)
    ok('which is not the token', token not in cookie['value'])
    ok('the models are there', b.wait(f"return {row('slow')} && {row('quick')}"))
    ok('asleep, with their descriptions', b.run(f"return {row('slow')}.innerText.includes('asleep') && {row('slow')}.innerText.includes('takes its <time>')"))

    # By the keyboard alone: the button of a row, and the question.
    b.run("document.getElementById('wake:slow').focus()")
    b.keys(SPACE)
    ok('a button wakes a model, and the page follows', b.wait(f"return /starting|ready/.test({row('slow')}.innerText)"))
    ok('until it is ready', b.wait(f"return {row('slow')}.innerText.includes('ready')"))
    ok('with its job', b.wait(f"return /local\\.\\d+/.test({row('slow')}.innerText)"))
    b.run("document.getElementById('which').value = 'quick'; document.getElementById('text').focus()")
    b.keys('one two three <b>four</b>')
    b.keys(TAB + ENTER)
    ok('a question wakes its model and streams', b.wait("return document.getElementById('answer').textContent.startsWith('one')"))
    ok('to the end, as text', b.wait("return document.getElementById('progress').textContent == 'done' && document.getElementById('answer').textContent == 'one two three <b>four</b>'"))
    b.run("document.getElementById('which').value = 'slow'")
    b.keys(ENTER)
    ok('a slow answer begins', b.wait("return document.getElementById('progress').textContent == 'answering …'"))
    b.run("document.getElementById('abort').click()")
    ok('and can be stopped', b.wait("return document.getElementById('progress').textContent == 'stopped'"))
    ok('which frees its slot', b.wait(f"return {row('slow')}.innerText.includes('0 active')"))
    b.run("document.getElementById('pin:slow').click()")
    ok('a pin', b.wait(f"return {row('slow')}.innerText.includes('pinned until')"))
    b.run("document.getElementById('log:slow').click()")
    ok('its log', b.wait("return document.getElementById('log').textContent.length > 0"))
    ok('events', b.run("return document.getElementById('events').textContent.includes('slow')"))
    ok('what keys have used', b.run("return document.getElementById('usage').innerText.includes('alice')"))
    b.screenshot(f'{pictures}/page-wide.png')
    b.size(390, 844)
    ok('a telephone needs no scrolling to the side', b.wait("return document.documentElement.scrollWidth <= window.innerWidth"))
    b.screenshot(f'{pictures}/page-narrow.png')
    b.run("document.getElementById('stop:slow').click()")
    ok('a model is stopped', b.wait(f"return {row('slow')}.innerText.includes('asleep')"))
    complaints = [c for c in b.complaints() if '401' not in c]
    ok('nothing was against the policy, and no script failed', not complaints, complaints)
    b.run("document.querySelector('header form button').click()")
    ok('log out', b.wait("return document.getElementById('login') != null"))
    ok('the cookie is of no more use', b.run("const a = new XMLHttpRequest(); a.open('GET', '/v1/models', false); a.send(); return a.status") == 401)
