"""The MySQL store (MySQL 8 and 9, MariaDB, and clusters that speak like them) over PyMySQL."""

from compliance.server.storage.mysql.connect import MysqlDriver

__all__ = ["MysqlDriver"]
