"""Run SQL on a file from a process of its own: `python raw_sql.py FILE`, statements on stdin.

Two SQLite libraries in one process, Python's and one inside an extension, undo each other's file
locks; what is seen then says nothing about the library that is asked.
"""

import json
import sqlite3
import sys

connection = sqlite3.connect(sys.argv[1], timeout=30)
rows: list[list[object]] = []
error = None
try:
    for sql, values in json.load(sys.stdin):
        cursor = connection.execute(sql, values)
        rows = [list(row) for row in cursor.fetchall()] or [[cursor.rowcount]]
    connection.commit()
except sqlite3.IntegrityError as refused:
    error = type(refused).__name__
connection.close()
print(json.dumps({"rows": rows, "error": error}))
